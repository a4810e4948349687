import { describe, expect, test } from 'vitest';
import { missingClosers, quotesOf } from '../src/closers';

describe('closers', () => {
  const cases: [text: string, suffix: string, closers: string[]][] = [
    ['(a, b', '', [')']],
    ['(a, b)', '', []],
    ['foo({ a', '', [')', '})']],
    ['(((', '', [')', '))']],
    ['a) + (b', ')', [')']],
    ['print("tak', '', [')', '")']],
    ['taken", item)', '")', []],
    ['"it\'s', '', ['"']],
    ['(a', 'word', []],
    ['{\n    if x {\n        y', '', ['}', '}}']],
  ];

  test.each(cases)('of %j before %j', (text, suffix, closers) => {
    expect(missingClosers(text, suffix, quotesOf('python'))).toEqual(closers);
  });

  test('single quotes are no quotes in Rust', () => {
    expect(missingClosers(`<'a`, '', quotesOf('rust'))).toEqual([]);
  });
});
