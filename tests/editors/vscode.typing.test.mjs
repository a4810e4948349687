// A user types whole functions into VS Code with its default settings, and a scripted server whose
// suggestions grow at random times: no frame may lose a suggestion that the key agrees with.
// usage: node --test vscode.typing.test.mjs      after `make editors`
// TYPING_SEEDS=1,2,3 types everything once for each seed. TYPING_MODEL=1 uses the real server and the
// real model, as `make typing` does.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { judge, keysFor, record } from './typing.mjs';
import { SETTINGS, VSCode } from './vscode.mjs';

const lines = JSON.parse(readFileSync(new URL('typing.json', import.meta.url), 'utf8'));
const TEXTS = Object.fromEntries(Object.entries(lines).map(([name, it]) => [name, it.join('\n')]));

const isReal = process.env.TYPING_MODEL === '1';
const seeds = (process.env.TYPING_SEEDS ?? '1').split(',').map(Number);

let nKeys = 0;
let nAgreed = 0;
for (const seed of seeds) {
  let code;
  before(async () => {
    const empty = Object.fromEntries(Object.keys(TEXTS).map((name) => [name, '']));
    const script = isReal ? undefined : { texts: TEXTS, seed };
    code = await VSCode.start(empty, { settings: SETTINGS, script });
    await code.waitForStatus('ready');
  });
  after(() => code?.end());

  for (const [name, text] of Object.entries(TEXTS)) {
    test(`no agreeing key loses the suggestion in ${name}, seed ${seed}`, async (t) => {
      await code.open(name);
      const keys = keysFor(text, { hasRests: !isReal });
      const { agreed, shown, lost, menu, split, changed } = judge(keys, await record(code, keys));
      const counts = `lost ${lost.length}, changed ${changed.length}, hidden by the menu ${menu.length}, between brackets ${split.length}`;
      t.diagnostic(`${keys.length} keys, ${agreed} agreed; frames with a suggestion ${shown}; ${counts}`);
      await code.screenshot(`vscode-typing-${name}`);
      await code.waitFor('the text', async () => (await code.saved()) === text);
      assert.deepEqual(lost, []);
      assert.deepEqual(changed, []);
      nKeys += keys.length;
      nAgreed += agreed;
      assert.ok(isReal || agreed > keys.length / 3, `only ${agreed} of ${keys.length} keys met a suggestion`);
    });
  }
}

test('the keys met suggestions', () => {
  assert.ok(nAgreed > nKeys / 10, `only ${nAgreed} of ${nKeys} keys`);
});
