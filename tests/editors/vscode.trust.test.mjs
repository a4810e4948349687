// The next edit in a real VS Code (code-server) with the real server: the drawing and the keys. The window
// starts in Restricted Mode; the last test trusts the workspace.
// usage: node --test vscode.trust.test.mjs      after `make editors`
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { SETTINGS, VSCode } from './vscode.mjs';

const AREA = `def frame_area(width, height):
    """The area of a frame around a picture."""
    if height < 0:
        raise ValueError(height)
    inner = (width - 2) * (height - 2)
    outer = width * height
    print(f"{width} by {height}")
    return outer - inner
`;
/** The name of the parameter, which the tests rename. */
const OLD = 'height';
const PARAMETER_RENAMED = AREA.replace(OLD, 'tall');
const RENAMED = AREA.replaceAll(OLD, 'tall');
/** The next place is below the screen. */
const FAR = `${AREA.split('\n')[0]}\n${'    # A comment.\n'.repeat(60)}    return height\n`;

/** An untrusted workspace configures nothing: Python is not off, and there is a model. */
const UNTRUSTED = {
  '.vscode/settings.json': '{ "foretell.suggest.languages": { "python": false } }',
  'foretell.toml': '[model]\nname = "of-the-workspace"\n',
};

let code;
before(async () => {
  const near = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`area_${i}.py`, AREA]));
  // Suggestions and words appear on request only, so that they do not take the keys.
  const quick = { other: 'off', comments: 'off', strings: 'off' };
  const settings = { ...SETTINGS, 'foretell.suggest.trigger': 'manual', 'editor.quickSuggestions': quick,
    'security.workspace.trust.banner': 'never' };
  code = await VSCode.start({ ...near, 'far.py': FAR, 'last.py': AREA }, { settings, untrusted: UNTRUSTED });
  await code.waitForStatus('ready');
});
after(() => code?.end());

const hasHint = (hint) => code.waitFor(`the hint “${hint}”`, async () => (await code.edit()).hint === hint);
const isGone = () => code.waitFor('no edit', async () => Object.values(await code.edit()).every((it) => it === ''));
const isSaved = (text) => code.waitFor('the text', async () => (await code.saved()) === text);

describe('next edit', () => {
  // Each test starts with an edit on screen, in a new file.
  beforeEach(async () => {
    await code.openNext();
    await code.goTo(1);
    for (const key of ['ArrowLeft', 'ArrowLeft', ...Array(OLD.length).fill('Backspace')]) {
      await code.press(key);
    }
    await code.type('tall');
    await code.saved(); // Then the extension knows all keys, and an edit for the first ones is gone.
    await code.waitFor('an edit', async () => (await code.edit()).hint !== '');
  });

  test('rename is carried through five places with Tab', async () => {
    assert.deepEqual(await code.edit(), { removed: OLD, inserted: 'tall', hint: 'Tab to go here', line: '    if height < 0:' });
    await code.screenshot('vscode-next-edit', { x: 300, y: 86, width: 560, height: 190 });
    for (let n = 0; n < 5; n += 1) {
      await hasHint('Tab to go here');
      await code.press('Tab');
      await hasHint('Tab to accept');
      await code.press('Tab');
    }
    await isGone();
    await isSaved(RENAMED);
  });

  test('Escape rejects, and Tab indents again', async () => {
    await code.press('Escape');
    await isGone();
    await code.press('Tab');
    await isSaved(PARAMETER_RENAMED.replace('tall', 'tall  '));
  });

  test('undo removes the edit', async () => {
    await code.press('Tab');
    await hasHint('Tab to accept');
    await code.press('Tab');
    await hasHint('Tab to go here');
    await code.press('Control+z');
    await isGone();
    await isSaved(PARAMETER_RENAMED);
  });

  test('change elsewhere withdraws the edit, and Tab indents', async () => {
    await code.press('Control+End');
    await code.type('#');
    await isGone();
    await code.press('Tab');
    await isSaved(`${PARAMETER_RENAMED}#   `);
  });

  test('suggest widget keeps Tab', async () => {
    await code.press('Control+End');
    await code.press('Control+Space');
    const rows = code.page.locator('.suggest-widget.visible .monaco-list-row.focused');
    const [word] = (await rows.innerText()).split('\n');
    assert.notEqual((await code.edit()).hint, '', 'there is an edit');
    await code.press('Tab');
    await isSaved(PARAMETER_RENAMED + word);
  });

  test('selection keeps Tab', async () => {
    await code.goTo(2);
    await code.press('Shift+ArrowUp');
    await code.press('Tab');
    await isSaved(PARAMETER_RENAMED.replace('def', '    def').replace('    """', '        """'));
  });

  test('edit returns with its file, unless another file has changed', async () => {
    const { file } = code;
    await code.openNext();
    const other = code.file;
    await isGone();
    await code.switchTo(file);
    await hasHint('Tab to go here');
    await code.open(other);
    await code.press('Tab');
    await isSaved(`${AREA}    `);
    await code.switchTo(file);
    await isGone();
  });

  test('edit off-screen has a hint at the cursor, and Tab reveals it', async () => {
    assert.deepEqual(await code.edit(), { removed: '', inserted: '', hint: 'Tab ↓ line 62', line: 'def frame_area(width, tall):' });
    await code.screenshot('vscode-next-edit-far');
    await code.press('Tab');
    await hasHint('Tab to accept');
    assert.equal((await code.edit()).line, '    return height');
    await code.press('Control+Home');
    await hasHint('Tab ↓ line 62');
    await code.press('Tab');
    await hasHint('Tab to accept');
    await code.press('Tab');
    await isSaved(FAR.replaceAll(OLD, 'tall'));
  });
});

test('trusting the workspace applies its settings', async () => {
  await code.openNext();
  await code.type('    return wid');
  await code.press('Alt+\\');
  assert.match(await code.waitForGhost(), /^th/);
  await code.trust();
  await code.waitForStatus('failed');
  await code.waitForText('of-the-workspace');
});
