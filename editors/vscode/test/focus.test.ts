/** When the server learns where the cursor is. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const fake = vi.hoisted(() => ({ listeners: new Map<string, (event: unknown) => void>(), editor: {} }));

vi.mock('vscode', () => {
  const listen = (name: string) => (listener: (event: unknown) => void) => {
    fake.listeners.set(name, listener);
    return { dispose: () => fake.listeners.delete(name) };
  };
  return {
    TextEditorSelectionChangeKind: { Keyboard: 1, Mouse: 2 },
    window: {
      onDidChangeActiveTextEditor: listen('editor'),
      onDidChangeTextEditorSelection: listen('selection'),
      get activeTextEditor() { return fake.editor; },
    },
  };
});
const { Focus } = await import('../src/focus');

const [KEYBOARD, MOUSE] = [1, 2];
let sent: string[];
let document: { name: string; version: number };
let focus: InstanceType<typeof Focus>;

function editorAt(position: number, cursors = 1) {
  const selection = { active: position };
  return { document, selection, selections: Array(cursors).fill(selection) };
}

function select(position: number, kind: number, cursors = 1) {
  const textEditor = Object.assign(fake.editor, editorAt(position, cursors));
  fake.listeners.get('selection')?.({ textEditor, kind });
}

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  document = { name: 'a', version: 1 };
  focus = new Focus((it, position) => { sent.push([it, position].map((part) => (part as { name?: string }).name ?? JSON.stringify(part)).join(':')); });
  fake.editor = editorAt(0);
  fake.listeners.get('editor')?.(fake.editor);
});
afterEach(() => {
  focus.dispose();
  vi.useRealTimers();
});

test('opened or switched editor is sent at once', () => {
  document = { name: 'b', version: 4 };
  fake.listeners.get('editor')?.(editorAt(7));
  expect(sent).toEqual(['a:0', 'b:7']);
});

test('click is sent at once', () => {
  select(5, MOUSE);
  expect(sent).toEqual(['a:0', 'a:5']);
});

test('moving cursor is sent when it rests', () => {
  select(1, KEYBOARD);
  vi.advanceTimersByTime(149);
  select(2, KEYBOARD);
  vi.advanceTimersByTime(149);
  expect(sent).toEqual(['a:0']);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual(['a:0', 'a:2']);
});

test('typing and several cursors are not sent', () => {
  document.version += 1;
  select(3, KEYBOARD);
  select(4, MOUSE, 2);
  vi.advanceTimersByTime(1000);
  expect(sent).toEqual(['a:0']);
});

test('click supersedes a rest', () => {
  select(1, KEYBOARD);
  select(9, MOUSE);
  vi.advanceTimersByTime(1000);
  expect(sent).toEqual(['a:0', 'a:9']);
});
