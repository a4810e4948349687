/** When the next edit is on screen, and what its keys do. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const fake = vi.hoisted(() => ({
  listeners: new Map<string, (event: unknown) => void>(),
  documents: [] as unknown[],
  editor: {},
  accessibilitySupport: 'auto',
  calls: [] as string[],
}));

vi.mock('vscode', () => {
  const listen = (name: string) => (listener: (event: unknown) => void) => {
    fake.listeners.set(name, listener);
    return { dispose: () => fake.listeners.delete(name) };
  };
  class Range {
    constructor(readonly line: number, readonly from: number, readonly endLine: number, readonly to: number) {}
    get start() { return { line: this.line, character: this.from }; }
    get end() { return { line: this.endLine, character: this.to }; }
  }
  return {
    Range,
    Selection: Range,
    ProgressLocation: { Notification: 15 },
    TextEditorRevealType: { InCenterIfOutsideViewport: 2 },
    languages: { match: (_: unknown, { name }: { name: string }) => (name === 'output' ? 0 : 1) },
    commands: { executeCommand: (_: string, name: string, value: boolean) => {
      fake.calls.push(`${name} ${value ? 'on' : 'off'}`);
      return Promise.resolve();
    } },
    window: {
      get activeTextEditor() { return fake.editor; },
      onDidChangeActiveTextEditor: listen('editor'),
      onDidChangeTextEditorSelection: listen('selection'),
      onDidChangeTextEditorVisibleRanges: listen('lines'),
      withProgress: ({ title }: { title: string }) => { fake.calls.push(title); },
    },
    workspace: {
      get textDocuments() { return fake.documents; },
      getConfiguration: () => ({ get: () => fake.accessibilitySupport }),
      onDidChangeTextDocument: listen('change'),
    },
  };
});
vi.mock('../src/editView', () => ({
  EditView: class {
    draw(_: unknown, { text }: { text: string }, hasTab: boolean) { fake.calls.push(`draw ${text}${hasTab ? ' Tab' : ''}`); }
    clear() { /* draws nothing */ }
    dispose() { /* has nothing */ }
  },
}));
const { NextEdits } = await import('../src/nextEdits');

const open = (name: string) => ({ name, uri: { toString: () => name }, version: 6 });
const document = open('a');
const other = open('b');
const editor = {
  document,
  selection: { active: { line: 0, character: 19 } },
  selections: [{}],
  revealRange: () => { fake.calls.push('reveal'); },
  /** Applies an edit as VS Code does: the document changes before the promise resolves. */
  edit: (build: (it: unknown) => void) => {
    build({ replace: (_: unknown, text: string) => { fake.calls.push(`replace by ${text}`); } });
    change(document);
    return Promise.resolve(true);
  },
};

let nextEdits: InstanceType<typeof NextEdits>;
let isOn: boolean;
let hasSuggestion: boolean;

function change(it: typeof document, contentChanges: unknown[] = [{}]): void {
  it.version += contentChanges.length;
  fake.listeners.get('change')?.({ document: it, contentChanges });
}

/** The server offers to replace `height` in the second line. */
function offer(version = document.version): void {
  const range = { start: { line: 1, character: 8 }, end: { line: 1, character: 14 } };
  const command = { command: 'foretell.acceptEdit', arguments: [1] };
  nextEdits.onEdit({ edits: [{ textDocument: { uri: 'a', version }, range, text: 'tall', oldText: 'height', command }] });
}

/** What has happened since the last call. */
const calls = () => fake.calls.splice(0);

async function show(): Promise<void> {
  offer();
  await vi.runAllTimersAsync();
  calls();
}

const SHOWN = ['foretell.nextEdit on', 'draw tall Tab', 'textDocument/didShowInlineEdit'];

beforeEach(() => {
  vi.useFakeTimers();
  [isOn, hasSuggestion] = [true, false];
  Object.assign(editor, { document, selection: { active: { line: 0, character: 19 } }, selections: [{}] });
  Object.assign(fake, { documents: [document, other], editor, accessibilitySupport: 'auto' });
  const client = {
    protocol2CodeConverter: { asUri: (it: string) => it },
    sendNotification: (method: string) => { fake.calls.push(method); },
    sendRequest: (_: string, { command }: { command: string }) => {
      fake.calls.push(command);
      return Promise.resolve();
    },
  };
  nextEdits = new NextEdits({
    selector: [],
    client: () => client as never,
    isOn: () => isOn,
    hasSuggestion: () => hasSuggestion,
  });
  calls();
});
afterEach(() => {
  nextEdits.dispose();
  vi.useRealTimers();
});

test('edit appears when the user pauses', async () => {
  change(document);
  offer();
  await vi.advanceTimersByTimeAsync(200);
  change(document);
  offer();
  await vi.advanceTimersByTimeAsync(249);
  expect(calls()).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(calls(), 'the keys work before the hint appears').toEqual(SHOWN.slice(0, 1));
  await vi.runAllTimersAsync();
  expect(calls()).toEqual(SHOWN.slice(1));
});

test('edit that arrives after the pause appears at once', async () => {
  change(document);
  await vi.advanceTimersByTimeAsync(250);
  offer();
  await vi.advanceTimersByTimeAsync(0);
  expect(calls()).toEqual(SHOWN);
});

test('edit for another version never appears', async () => {
  change(document);
  offer(document.version - 1);
  offer();
  change(document);
  await vi.runAllTimersAsync();
  expect(calls()).toEqual([]);
});

test('change of any document withdraws the edit', async () => {
  for (const it of [document, other]) {
    await show();
    change(it);
    expect(calls()).toEqual(['foretell.nextEdit off']);
  }
});

test('saving and output keep the edit', async () => {
  await show();
  change(document, []);
  change(open('output'));
  expect(calls()).toEqual([]);
});

test('edit is hidden in another editor, with several cursors and while off', async () => {
  await show();
  const hides = async (event: string) => {
    fake.listeners.get(event)?.({});
    await vi.runAllTimersAsync();
    expect(calls()).toEqual(['foretell.nextEdit off']);
  };
  fake.editor = { ...editor, document: other };
  await hides('editor');
  fake.editor = editor;
  fake.listeners.get('editor')?.({});
  await vi.runAllTimersAsync();
  expect(calls(), 'shown again, and counted once').toEqual(SHOWN.slice(0, 2));
  editor.selections = [{}, {}];
  await hides('selection');
  editor.selections = [{}];
  fake.listeners.get('selection')?.({});
  await vi.runAllTimersAsync();
  calls();
  isOn = false;
  await hides('lines');
});

test('Tab goes to the edit, then accepts it, and the next one appears at once', async () => {
  await show();
  expect(await nextEdits.goOrAccept()).toBe(true);
  expect(calls()).toEqual(['reveal']);
  editor.selection.active = { line: 1, character: 14 };
  expect(await nextEdits.goOrAccept()).toBe(true);
  expect(calls()).toEqual(['replace by tall', 'foretell.acceptEdit']);
  offer();
  expect(calls()).toEqual(SHOWN.slice(1));
});

test('Tab right after an accepted edit waits for the next one', async () => {
  await show();
  await nextEdits.accept();
  const tab = nextEdits.goOrAccept();
  offer();
  expect(await tab).toBe(true);
  expect(calls()).toEqual(['replace by tall', 'foretell.acceptEdit', ...SHOWN.slice(1), 'reveal']);
  await nextEdits.accept();
  const last = nextEdits.goOrAccept();
  await vi.advanceTimersByTimeAsync(800);
  expect(await last, 'it does not indent').toBe(true);
  expect(calls()).toEqual(['replace by tall', 'foretell.acceptEdit', 'foretell.nextEdit off']);
  expect(await nextEdits.goOrAccept()).toBe(false);
});

test('Tab after a change does nothing here', async () => {
  await show();
  document.version += 1; // VS Code reports it later.
  expect(await nextEdits.goOrAccept()).toBe(false);
  expect(calls()).toEqual([]);
});

test('Escape rejects the edit', async () => {
  await show();
  nextEdits.reject();
  expect(calls()).toEqual(['foretell.nextEdit off', 'foretell.rejectEdit']);
});

test('there is no hint while Tab accepts a suggestion', async () => {
  await show();
  hasSuggestion = true;
  nextEdits.draw();
  expect(calls()).toEqual(['draw tall']);
});

test('screen readers hear the edit once', async () => {
  fake.accessibilitySupport = 'on';
  offer();
  await vi.runAllTimersAsync();
  nextEdits.draw();
  const heard = calls().filter((it) => it.startsWith('Next edit'));
  expect(heard).toEqual(['Next edit in line 2: height becomes tall. Tab goes there, Escape rejects it.']);
});
