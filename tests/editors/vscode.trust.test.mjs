// Restricted Mode in a real VS Code (code-server): an untrusted workspace configures nothing.
// usage: node --test vscode.trust.test.mjs      after `make editors`
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VSCode } from './vscode.mjs';

const PYTHON = `def is_even(number):
    """Whether a number is even."""
`;

test('untrusted workspace changes no setting', async (t) => {
  const untrusted = {
    '.vscode/settings.json': '{ "foretell.suggest.languages": { "python": false } }',
    'foretell.toml': '[model]\nname = "of-the-workspace"\n',
  };
  const code = await VSCode.start([PYTHON], { untrusted });
  t.after(() => code.end());
  await code.openNext();
  await code.waitForStatus('ready');
  await code.type('    return num');
  assert.match(await code.waitForGhost(), /^ber/);
  await code.trust();
  await code.waitForStatus('failed');
  await code.waitForText('of-the-workspace');
});
