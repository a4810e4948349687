/** An offered edit as text. */
import { expect, test } from 'vitest';
import { changeOf, hintOf, isHere, isInsertion, lastLine, onOneLine, sentence } from '../src/editText';

const at = (line: number, character: number) => ({ line, character });
const range = (line: number, from: number, to: number) => ({ start: at(line, from), end: at(line, to) });

test('text around the old one is an insertion', () => {
  const change = (oldText: string, text: string) => changeOf(range(0, 4, 4 + oldText.length), oldText, text);
  expect(change('item', 'items')).toEqual({ range: range(0, 8, 8), text: 's' });
  expect(change('width', 'max_width')).toEqual({ range: range(0, 4, 4), text: 'max_' });
  expect(change('', ', 1')).toEqual({ range: range(0, 4, 4), text: ', 1' });
  expect(change('height', 'tall')).toEqual({ range: range(0, 4, 10), text: 'tall' });
  expect([change('item', 'items'), change('height', 'tall')].map(isInsertion)).toEqual([true, false]);
});

test('edit is here if it is near the cursor in its line', () => {
  expect(isHere(range(3, 8, 14), at(3, 0))).toBe(true);
  expect(isHere(range(3, 8, 14), at(4, 8))).toBe(false);
  expect(isHere(range(3, 80, 90), at(3, 0))).toBe(false);
});

test('removed line is the last line of its edit', () => {
  expect(lastLine({ start: at(2, 0), end: at(3, 0) })).toBe(2);
  expect(lastLine({ start: at(2, 4), end: at(3, 4) })).toBe(3);
  expect(lastLine(range(2, 0, 0))).toBe(2);
});

test('hint is at the edit, or at the cursor if the edit is off-screen', () => {
  const hint = (line: number, cursor: number, ...lines: [number, number][]) =>
    hintOf(range(line, 0, 1), at(cursor, 0), lines.map(([first, last]) => ({ first, last })));
  expect(hint(5, 5, [0, 20])).toEqual({ at: 'edit', text: 'to accept' });
  expect(hint(9, 5, [0, 20])).toEqual({ at: 'edit', text: 'to go here' });
  expect(hint(119, 5, [0, 20])).toEqual({ at: 'line', line: 5, text: '↓ line 120' });
  expect(hint(15, 5, [0, 10], [20, 30])).toEqual({ at: 'line', line: 5, text: '↓ line 16' });
  // The user has scrolled away from the cursor.
  expect(hint(0, 5, [20, 40])).toEqual({ at: 'line', line: 20, text: '↑ line 1' });
});

test('several lines are drawn on one, and the spaces are kept', () => {
  expect(onOneLine('a  b\n\tc')).toBe('a\u00a0\u00a0b⏎\u00a0c');
  expect(onOneLine('a'.repeat(200))).toHaveLength(121);
});

test('screen readers hear the line and the change', () => {
  expect(sentence(range(2, 0, 6), 'height', 'tall')).toBe('Next edit in line 3: height becomes tall');
  expect(sentence(range(2, 0, 0), '', ',\n  1')).toBe('Next edit in line 3: insert , 1');
  expect(sentence(range(2, 0, 7), 'typing.', '')).toBe('Next edit in line 3: delete typing.');
});
