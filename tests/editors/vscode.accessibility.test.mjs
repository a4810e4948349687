// Screen readers in a real VS Code with a scripted server: a suggestion and an edit are announced, and
// can be read.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SETTINGS, VSCode } from './vscode.mjs';

const TEXT = 'one\ntwo\nthree_more = four\n';

const EDIT = { range: { start: { line: 1, character: 0 }, end: { line: 1, character: 3 } }, text: 'deux', oldText: 'two' };

let code;
before(async () => {
  const settings = { ...SETTINGS, 'editor.accessibilitySupport': 'on' };
  const script = { texts: { 'one.py': TEXT }, edits: { 'two.py': EDIT } };
  code = await VSCode.start({ 'one.py': 'one\ntwo\n', 'two.py': 'one\ntwo\n' }, { settings, script });
});
after(() => code?.end());

test('screen readers hear the suggestion once', async () => {
  await code.openNext();
  await code.waitForStatus('ready');
  assert.equal(code.received('initialize').at(-1).initializationOptions.streaming, false);
  await code.type('thr');
  await code.waitFor('the announcement', async () => /ee_more = four/.test(await code.announced()));
  await code.screenshot('vscode-announced');
  await code.press('Alt+F2');
  const view = code.page.locator('.accessible-view .view-lines');
  await code.waitFor('the accessible view', async () => /ee_more/.test(await view.innerText({ timeout: 500 }).catch(() => '')));
  await code.screenshot('vscode-accessible-view');
});

test('screen readers hear the next edit, until it is withdrawn', async () => {
  await code.openNext();
  await code.type('1');
  const toast = code.page.locator('.notification-toast', { hasText: 'Next edit in line 2: two becomes deux' });
  await toast.waitFor();
  assert.match(await code.announced(), /Next edit in line 2: two becomes deux. Tab goes there/);
  await code.screenshot('vscode-next-edit-announced');
  await code.press('Escape');
  await toast.waitFor({ state: 'detached' });
});
