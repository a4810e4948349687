// Drives VS Code for a program in another language: reads `[method, ...arguments]` as JSON, one per
// line, and writes each result as JSON. It ends with its input.
// usage: node vscode_driver.mjs
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { RECORD } from './typing.mjs';
import { READ_SCREEN, SETTINGS, VSCode } from './vscode.mjs';

const NAMES = { ' ': 'Space', '\n': 'Enter', backspace: 'Backspace' };

let code;
/** How many frames were returned. */
let nFrames = 0;

/** A frame for session.py, with the time in seconds since the epoch. */
const frame = ({ at, cursor, suggestion, menu }) => ({ at_s: at / 1000, line: cursor, suggestion, has_menu: menu });

const methods = {
  /** Returns the folder of the files. */
  async start(files, settings) {
    code = await VSCode.start(files, { settings: { ...SETTINGS, ...settings } });
    await code.openNext();
    await code.waitForStatus('ready');
    await code.page.evaluate(RECORD);
    return code.workspace;
  },
  open: (file) => code.open(file),
  switch: (file) => code.switchTo(file),
  goTo: (line) => code.goTo(line),
  press: (key) => code.press(NAMES[key] ?? key),
  async click(text) {
    const line = code.page.locator('.editor-group-container.active .view-line', { hasText: text }).first();
    const { width, height } = await line.locator('> span').boundingBox();
    await line.click({ position: { x: width + 2, y: height / 2 } });
  },
  /** The visible lines. */
  text: () => code.page.evaluate(() => {
    const editor = document.querySelector('.editor-group-container.active .editor-instance');
    const lines = [...editor.querySelectorAll('.view-lines > .view-line')].sort((a, b) => a.offsetTop - b.offsetTop);
    const parts = (line) => [...(line.firstElementChild?.children ?? [])];
    const isTyped = (it) => !it.matches('.ghost-text-decoration, .ghost-text-decoration-preview');
    return lines.map((line) => parts(line).filter(isTyped).map((it) => it.textContent).join('')).join('\n');
  }),
  frame: async () => frame({ at: Date.now(), menu: false, ...(await code.page.evaluate(READ_SCREEN)) }),
  /** The frames drawn in this time and since the last call. */
  async watch(ms) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    const [start, frames] = await code.page.evaluate((from) =>
      [performance.timeOrigin, globalThis.record.frames.slice(from)], nFrames);
    nFrames += frames.length;
    return frames.map((it) => frame({ ...it, at: start + it.at }));
  },
  screenshot: (name) => code.screenshot(name).then(() => null),
};

try {
  for await (const line of createInterface({ input: process.stdin })) {
    const [method, ...args] = JSON.parse(line);
    process.stdout.write(`${JSON.stringify((await methods[method](...args)) ?? null)}\n`);
  }
} finally {
  await code?.end();
}
