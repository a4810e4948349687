/** An offered edit as text: what it inserts, whether it is near the cursor, and what the hint says. */

export interface Position {
  line: number;
  character: number;
}

export interface Range {
  start: Position;
  end: Position;
}

/** An edit without the old text that its new text starts or ends with. */
export interface Change {
  range: Range;
  text: string;
}

/** `item` → `items` inserts `s`; other edits replace their range. */
export function changeOf(range: Range, oldText: string, text: string): Change {
  if (text.startsWith(oldText)) {
    return { range: { start: range.end, end: range.end }, text: text.slice(oldText.length) };
  }
  if (text.endsWith(oldText)) {
    return { range: { start: range.start, end: range.start }, text: text.slice(0, -oldText.length) };
  }
  return { range, text };
}

export function isInsertion({ range: { start, end } }: Change): boolean {
  return start.line === end.line && start.character === end.character;
}

/** How many columns away an edit in the cursor's line may be: the editor scrolls sideways, too. */
const NEAR_COLUMNS = 80;

/** Whether the user sees an edit next to the cursor, so that Tab accepts it. */
export function isHere({ start, end }: Range, cursor: Position): boolean {
  const isInLines = start.line <= cursor.line && cursor.line <= end.line;
  const isNear = (it: Position) => it.line !== cursor.line || Math.abs(it.character - cursor.character) <= NEAR_COLUMNS;
  return isInLines && isNear(start) && isNear(end);
}

/** The maximum number of characters that are drawn; the hover has the whole text. */
const MAX_DRAWN = 120;

/** A text on one line, for a decoration: VS Code would draw several spaces as one. */
export function onOneLine(text: string): string {
  const line = text.replace(/\r?\n\s*/g, '⏎ ');
  const shown = line.length > MAX_DRAWN ? `${line.slice(0, MAX_DRAWN)}…` : line;
  return shown.replaceAll(' ', '\u00a0').replaceAll('\t', '\u00a0\u00a0');
}

/** The last line that an edit changes: removed lines end at the start of the line below. */
export function lastLine({ start, end }: Range): number {
  return end.character === 0 && end.line > start.line ? end.line - 1 : end.line;
}

/** What Tab does. `lines` are those on screen. */
export type Hint = { at: 'edit'; text: 'to accept' | 'to go here' } | { at: 'line'; line: number; text: string };

/** Where the hint is drawn: at the edit, or, if that is off-screen, at the line nearest to the cursor. */
export function hintOf(range: Range, cursor: Position, lines: { first: number; last: number }[]): Hint {
  if (isHere(range, cursor)) {
    return { at: 'edit', text: 'to accept' };
  }
  const { line } = range.start;
  if (lines.some(({ first, last }) => first <= line && line <= last)) {
    return { at: 'edit', text: 'to go here' };
  }
  const first = lines.at(0)?.first ?? cursor.line;
  const last = lines.at(-1)?.last ?? cursor.line;
  const arrow = line < cursor.line ? '↑' : '↓';
  return { at: 'line', line: Math.min(Math.max(cursor.line, first), last), text: `${arrow} line ${String(line + 1)}` };
}

/** The edit as a sentence, for screen readers. */
export function sentence({ start }: Range, oldText: string, text: string): string {
  const replacement = text ? `${oldText} becomes ${text}` : `delete ${oldText}`;
  const change = oldText ? replacement : `insert ${text}`;
  return `Next edit in line ${String(start.line + 1)}: ${change.replace(/\s+/g, ' ')}`;
}
