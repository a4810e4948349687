// Types text as a user does, and checks in every frame what is on screen.
import { READ_SCREEN } from './vscode.mjs';

const CLOSERS = { '(': ')', '[': ']', '{': '}', '"': '"', "'": "'" };

const INDENT = '    ';
const REST_EVERY = 20;

/**
 * The keys that type `text` into an empty document with VS Code's default settings, where the editor
 * inserts closers and indentation. Each key has its `text` as far as that can agree with a suggestion;
 * undefined if the key only corrects what the editor inserted. With `hasRests`, the user `rests` after
 * some keys, where the server has more to suggest.
 */
export function keysFor(text, { hasRests = true } = {}) {
  const keys = [];
  const below = []; // the lines below the cursor: closers that Enter moved there, with their indentation
  let closers = []; // closers after the cursor
  let indent = ''; // the editor's indentation of the cursor's line
  const lines = text.split('\n');
  const type = (line) => {
    for (const char of line) {
      keys.push({ key: char, text: char });
      if (char === closers.at(-1)) {
        closers.pop();
      } else if (char in CLOSERS) {
        closers.push(CLOSERS[char]);
      }
    }
  };
  type(lines[0]);
  lines.slice(1).forEach((line, i) => {
    const last = below.at(-1);
    if (last !== undefined && closers.length === 0 && line.startsWith(last)) {
      below.pop();
      keys.push({ key: 'ArrowDown' }, { key: 'End' });
      indent = /^ */.exec(last)[0];
      type(line.slice(last.length));
      return;
    }
    const opens = /[([{:]$/.test(lines[i]);
    const splits = closers.length > 0;
    if (splits) {
      below.push(indent + closers.reverse().join(''));
      closers = [];
    }
    indent += opens ? INDENT : '';
    keys.push({ key: 'Enter', text: `\n${line ? indent : ''}`, splits });
    if (line) {
      for (; indent.length > /^ */.exec(line)[0].length; indent = indent.slice(INDENT.length)) {
        keys.push({ key: 'Backspace' });
      }
      type(line.slice(indent.length));
    }
  });
  const rests = (i) => hasRests && i % REST_EVERY === REST_EVERY - 1 && keys[i].text && keys[i + 1]?.text;
  return keys.map((key, i) => ({ ...key, rests: rests(i) }));
}

/**
 * Runs in the page: records each frame whose screen differs from the one before, and each key. VS Code
 * changes the page in events and in callbacks of an animation frame; only the state after a frame's
 * last callback is painted.
 */
export const RECORD = `(() => {
  const read = ${READ_SCREEN.toString()};
  const record = { frames: [], keys: [], isOn: true };
  globalThis.record = record;
  // The widget takes the line when it gets its list, 0.1 s before it is visible.
  const hasMenu = () => {
    const list = document.querySelector('.suggest-widget .tree');
    return !!list?.querySelector('.monaco-list-row') && list.style.display !== 'none';
  };
  const look = (frame) => {
    const now = { frame, at: performance.now(), ...read(), menu: hasMenu() };
    if (record.frames.at(-1)?.frame === frame) record.frames.pop();
    const last = record.frames.at(-1);
    if (!last || ['ghost', 'line', 'cursor', 'menu'].some((it) => last[it] !== now[it])) record.frames.push(now);
  };
  const request = globalThis.requestAnimationFrame.bind(globalThis);
  globalThis.requestAnimationFrame = (run) => request((frame) => {
    try {
      run(frame);
    } finally {
      if (record.isOn) look(frame);
    }
  });
  const each = () => { if (record.isOn) requestAnimationFrame(each); else globalThis.requestAnimationFrame = request; };
  each();
  document.addEventListener('keydown', (event) => {
    if (record.isOn && !['Shift', 'Control'].includes(event.key)) record.keys.push({ key: event.key, at: performance.now() });
  }, true);
})()`;

/**
 * Types the keys with pauses between `fromMs` and `toMs`, then pauses; returns the recording. A rest
 * lasts until a suggestion is on screen.
 */
export async function record(code, keys, { fromMs = 120, toMs = 200, random = Math.random, pauseMs = 1500 } = {}) {
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  await code.page.evaluate(RECORD);
  for (const { key, rests } of keys) {
    const start = Date.now();
    await code.press(key === ' ' ? 'Space' : key);
    await sleep(Math.max(0, fromMs + random() * (toMs - fromMs) - (Date.now() - start)));
    if (rests) {
      await code.waitFor('the suggestion in a rest', async () =>
        (await code.ghost()) || (await code.page.locator('.suggest-widget.visible').count()));
    }
  }
  await sleep(pauseMs);
  return code.page.evaluate(() => {
    globalThis.record.isOn = false;
    return globalThis.record;
  });
}

/** A text without the closers that are either in a suggestion or after the cursor. */
const withoutClosers = (text) => text.replace(/[)\]}"']/g, '');

/**
 * Which keys agreed with the suggestion on screen, and which of them lost it until the next key, in any
 * frame. Counted separately: `menu`, if the suggest widget was open in one of the frames without it,
 * and `split`, an Enter between brackets, for which VS Code inserts two lines and hides any suggestion
 * until the next response. `changed`: another text replaced it.
 */
export function judge(keys, { frames, keys: pressed }) {
  const result = { agreed: 0, shown: frames.filter(({ ghost }) => ghost).length, lost: [], menu: [], split: [], changed: [] };
  keys.forEach(({ text, splits }, i) => {
    const [from, to] = [pressed[i].at, pressed[i + 1]?.at ?? Infinity];
    const before = frames.findLast((frame) => frame.at <= from);
    if (!text || !before?.ghost.startsWith(text) || before.ghost.length === text.length || before.menu) {
      return;
    }
    const rest = withoutClosers(before.ghost.slice(text.length));
    if (!rest) {
      return; // the editor may have inserted the closers that are left
    }
    const after = frames.filter((frame) => frame.at > from && frame.at <= to);
    result.agreed += 1;
    const gap = after.findIndex((frame) => frame.ghost === '');
    const what = {
      key: i, text, before: before.ghost, line: before.line,
      frames: after.map(({ at, ghost, line, menu }) => [Math.round(at - from), ghost, line, menu ? 'menu' : '']),
      nextKeyMs: Math.round(to - from),
    };
    if (gap >= 0) {
      const end = frames.findIndex((frame) => frame.at > after[gap].at && frame.ghost !== '');
      const until = Math.max(to, frames[end]?.at ?? to);
      const hasMenu = frames.some(({ at, menu }) => menu && at >= after[gap].at && at <= until);
      result[hasMenu ? 'menu' : splits ? 'split' : 'lost'].push(what);
    } else if (!after.every((frame) => frame.ghost === before.ghost || withoutClosers(frame.ghost).startsWith(rest))) {
      result.changed.push(what);
    }
  });
  return result;
}
