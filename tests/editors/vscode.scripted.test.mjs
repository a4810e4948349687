// The extension in a real VS Code with a scripted server: messages to the server and to the user.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { SETTINGS, VSCode } from './vscode.mjs';

const TEXT = 'one\ntwo\nthree\n';
const LONGER = `${TEXT}three_more = four\n`;
/** The next edit after every change of `fifth.py`. */
const EDIT = { range: { start: { line: 1, character: 0 }, end: { line: 1, character: 3 } }, text: 'deux(\n  2,\n)', oldText: 'two' };

let code;
before(async () => {
  const files = Object.fromEntries(['first', 'second', 'third', 'fourth', 'fifth'].map((name) => [`${name}.py`, TEXT]));
  const texts = { 'third.py': TEXT, 'fourth.py': LONGER, 'fifth.py': LONGER };
  const script = { needsSetup: true, reason: 'unsure', texts, edits: { 'fifth.py': EDIT } };
  code = await VSCode.start(files, { settings: SETTINGS, script });
});
after(() => code?.end());

const focused = () => code.received('textDocument/didFocus').map(({ textDocument, position }) =>
  `${textDocument.uri.split('/').at(-1)}:${position.line}:${position.character}`);

test('Set up can be cancelled, installs the model and restarts the server', async () => {
  await code.openNext();
  await code.waitForStatus('failed');
  await code.waitForText('The model small is not installed on the remote machine');
  await code.screenshot('vscode-no-model');
  await code.page.getByRole('button', { name: 'Set up', exact: true }).first().click();
  await code.waitForText('small: 10 %');
  await code.page.getByRole('button', { name: 'Cancel', exact: true }).first().click();
  await code.waitFor('no progress', async () =>
    (await code.page.locator('.notification-toast', { hasText: 'small:' }).count()) === 0);
  await code.waitForStatus('failed');
  await code.command('Foretell: Set Up');
  await code.waitForText('small: ');
  await code.screenshot('vscode-setup');
  await code.waitForStatus('ready');
  await code.waitForText('Foretell is set up');
});

test('cursor is sent on open, on a click and at rest', async () => {
  await code.openNext();
  await code.waitFor('the end of the file', () => focused().at(-1) === 'second.py:3:0');
  await code.press('ArrowUp');
  await code.press('ArrowUp');
  await code.waitFor('the resting cursor', () => focused().at(-1) === 'second.py:1:0');
  await code.page.locator('.editor-group-container.active .view-line', { hasText: 'one' }).first().click();
  await code.waitFor('the click', () => /^second.py:0:/.test(focused().at(-1)));
  assert.ok(focused().some((it) => it.startsWith('second.py:0:0')), 'the opened file is sent');
});

test('several cursors make no request', async () => {
  await code.openNext();
  const requested = () => code.received('textDocument/inlineCompletion').length;
  const before = requested();
  await code.command('Add Cursor Above');
  await code.type('x');
  await code.waitFor('both edits', () => code.received('textDocument/didChange').at(-1)?.contentChanges.length === 2);
  await code.press('Escape');
  await code.press('Control+End');
  await code.type('y');
  await code.waitFor('a request with one cursor', () => requested() > before);
  assert.equal(requested(), before + 1);
});

test('tooltip has the reason for no suggestion', async () => {
  await code.waitFor('the reason', async () => /model was not sure enough/.test(await code.statusTooltip()));
  await code.page.locator('.statusbar-item', { hasText: 'Foretell' }).hover();
  await code.waitForText('No suggestion: the model was not sure enough');
  await code.screenshot('vscode-reason');
});

test('suggestion extends the selected item of the suggest widget', async () => {
  await code.openNext();
  await code.type('thr');
  await code.press('Control+Space');
  await code.page.locator('.suggest-widget.visible .monaco-list-row.focused', { hasText: 'three' }).waitFor();
  await code.waitFor('the rest', async () => (await code.ghost()).startsWith('ee_more = four'));
  await code.screenshot('vscode-widget');
  await code.press('Escape');
});

test('suggestion keeps Tab from the next edit', async () => {
  await code.openNext();
  await code.type('thr');
  await code.waitFor('the rest', async () => (await code.ghost()).startsWith('ee_more = four'));
  await code.waitFor('the edit', async () => (await code.edit()).inserted !== '');
  assert.equal((await code.edit()).hint, '');
  await code.screenshot('vscode-next-edit-and-suggestion');
  await code.press('Tab');
  await code.waitFor('the suggestion', async () => (await code.saved()).startsWith(`${TEXT}three_more = four`));
});

test('edit of several lines is drawn on one, accepted and reported', async () => {
  await code.waitFor('the hint', async () => (await code.edit()).hint === 'Tab to go here');
  assert.equal((await code.edit()).inserted, 'deux(⏎ 2,⏎ )');
  await code.screenshot('vscode-next-edit-lines');
  await code.press('Tab');
  await code.press('Tab');
  await code.waitFor('the edit', async () => (await code.saved()).startsWith('one\ndeux(\n  2,\n)\nthree'));
  const commands = () => code.received('workspace/executeCommand').map((it) => it.command);
  assert.equal(commands().at(-1), 'foretell.acceptEdit');
  await code.waitFor('the next edit', async () => (await code.edit()).hint !== '');
  await code.press('Escape');
  await code.waitFor('the rejection', () => commands().at(-1) === 'foretell.rejectEdit');
});

test('statistics are a read-only page', async () => {
  await code.command('Foretell: Statistics');
  await code.waitFor('the page', async () => /Characters saved\s+210/.test(await code.pageText()));
  await code.screenshot('vscode-statistics');
  assert.equal(await code.page.locator('.tab.active.dirty').count(), 0);
  await code.press('Control+w');
});

test('doctor is a read-only page', async () => {
  await code.command('Foretell: Doctor');
  await code.waitFor('the page', async () => /First suggestion/.test(await code.pageText()));
  await code.screenshot('vscode-doctor');
  assert.match(await code.pageText(), /✓\s*model/);
});

test('catalogue has sizes', async () => {
  await code.command('Foretell: Select a Model');
  // The size depends on the recipe that the import chose.
  const listed = execFileSync(code.program, ['model', 'list'], { encoding: 'utf8' });
  const size_mb = listed.match(/^\* \S+ +(\d+) MB/m)[1];
  const size_gb = (size_mb / 1e3).toFixed(1).replace('.', '\\.');
  const sizes = new RegExp(`in use, ${size_gb} GB[^]*1\\.1 GB`);
  await code.waitFor('the catalogue', async () => sizes.test(await code.choices()));
  await code.screenshot('vscode-models');
  await code.press('Escape');
});

test('walkthrough has four steps', async () => {
  await code.command('Foretell: Get Started');
  await code.waitForText('Accept your first suggestion');
  await code.waitForText('Rename one place, and press Tab for the others');
  await code.waitForText('Adjust it');
  await code.screenshot('vscode-walkthrough');
});

test('settings start with the important ones', async () => {
  await code.command('Foretell: Settings');
  const titles = () => code.page.locator('.settings-editor .setting-item-label').allInnerTexts();
  await code.waitFor('the settings', async () => (await titles()).length > 1);
  await code.screenshot('vscode-settings');
  assert.deepEqual((await titles()).slice(0, 2), ['Enabled', 'Eagerness']);
  await code.press('Escape');
});
