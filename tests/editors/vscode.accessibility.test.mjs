// Screen readers in a real VS Code with a scripted server: a suggestion is announced once, and can
// be read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SETTINGS, VSCode } from './vscode.mjs';

const TEXT = 'one\ntwo\nthree_more = four\n';

test('screen readers hear the suggestion once', async (t) => {
  const settings = { ...SETTINGS, 'editor.accessibilitySupport': 'on' };
  const code = await VSCode.start({ 'one.py': 'one\ntwo\n' }, { settings, script: { texts: { 'one.py': TEXT } } });
  t.after(() => code.end());
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
