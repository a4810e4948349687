// A user types whole functions into VS Code with its default settings, and a scripted server whose
// suggestions grow at random times: no frame may lose a suggestion that the key agrees with.
// usage: node --test vscode.typing.test.mjs      after `make editors`
// TYPING_SEEDS=1,2,3 types everything once for each seed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { judge, keysFor, record } from './typing.mjs';
import { SETTINGS, VSCode } from './vscode.mjs';

const TEXTS = {
  'bank.py': `class Account:
    def __init__(self, owner, balance=0):
        self.owner = owner
        self.history = []

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("too little")
        self.history.append(("deposit", amount))`,
  'shapes.rs': `impl Rect {
    pub fn area(&self) -> f64 {
        self.width * self.height
    }

    pub fn scale(&mut self, factor: f64) {
        if factor > 0.0 {
            self.width *= factor;
        }
    }
}`,
  'queue.ts': `export class Queue<T> {
    private items: T[] = [];

    drain(limit: number): T[] {
        const taken = this.items.slice(0, limit);
        console.log("taken", taken);
        return taken;
    }
}`,
};

const seeds = (process.env.TYPING_SEEDS ?? '1').split(',').map(Number);

for (const seed of seeds) {
  let code;
  before(async () => {
    const empty = Object.fromEntries(Object.keys(TEXTS).map((name) => [name, '']));
    code = await VSCode.start(empty, { settings: SETTINGS, script: { texts: TEXTS, seed } });
    await code.waitForStatus('ready');
  });
  after(() => code?.end());

  for (const [name, text] of Object.entries(TEXTS)) {
    test(`no agreeing key loses the suggestion in ${name}, seed ${seed}`, async (t) => {
      await code.openNext();
      const keys = keysFor(text);
      const { agreed, lost, menu, split, changed } = judge(keys, await record(code, keys));
      t.diagnostic(`${keys.length} keys, ${agreed} agreed; hidden by the menu ${menu.length}, between brackets ${split.length}`);
      await code.waitFor('the text', async () => (await code.saved()) === text);
      assert.deepEqual(lost, []);
      assert.deepEqual(changed, []);
      assert.ok(agreed > keys.length / 3, `only ${agreed} of ${keys.length} keys met a suggestion`);
    });
  }
}
