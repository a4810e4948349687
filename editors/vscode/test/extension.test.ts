/** The extension with fakes of VS Code and of the server. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ExtensionContext } from 'vscode';
import type { ServerStatus } from '../src/status';

interface Inspected {
  globalValue?: unknown;
  workspaceValue?: unknown;
}

interface Fake {
  /** The calls so far, in order. */
  calls: string[];
  commands: Map<string, () => unknown>;
  listeners: Map<string, () => unknown>;
  settings: Map<string, Inspected>;
  statusBar: { text?: string; tooltip?: string };
  /** Receives what the server reports. */
  onStatus?: (status: ServerStatus) => void;
  /** The path that `locate` returns. */
  program?: string;
}

const fake = vi.hoisted((): Fake => ({ calls: [], commands: new Map(), listeners: new Map(), settings: new Map(), statusBar: {} }));

vi.mock('vscode', () => {
  const listen = (event: string) => (listener: () => unknown) => fake.listeners.set(event, listener);
  const item = { show: vi.fn(), dispose: vi.fn(), error: vi.fn() };
  const show = (text: string) => {
    fake.calls.push(`show ${text}`);
    return Promise.resolve();
  };
  const getConfiguration = (section: string) => ({
    get: (name: string, fallback: unknown) => {
      const set = fake.settings.get(`${section}.${name}`);
      return set?.workspaceValue ?? set?.globalValue ?? fallback;
    },
    inspect: (name: string) => fake.settings.get(`${section}.${name}`),
    update: (name: string, value: unknown, target: number) => {
      fake.calls.push(`set ${section}.${name} = ${JSON.stringify(value)} in ${target === 1 ? 'user' : 'workspace'}`);
    },
  });
  return {
    version: '1.139.1',
    ConfigurationTarget: { Global: 1, Workspace: 2 },
    StatusBarAlignment: { Right: 2 },
    ThemeColor: vi.fn(),
    ProgressLocation: { Notification: 15 },
    env: {},
    extensions: { getExtension: () => undefined },
    commands: {
      registerCommand: (name: string, run: () => unknown) => fake.commands.set(name, run),
      executeCommand: (name: string) => {
        if (name !== 'setContext') {
          fake.calls.push(name);
        }
      },
    },
    window: {
      activeTextEditor: { document: { languageId: 'python' } },
      createOutputChannel: () => item,
      createStatusBarItem: () => Object.assign(fake.statusBar, item),
      showQuickPick: () => Promise.resolve({ label: '1 hour', minutes: 60 }),
      showWarningMessage: show,
      onDidChangeActiveTextEditor: listen('editor'),
    },
    workspace: {
      isTrusted: false,
      getConfiguration,
      onDidChangeConfiguration: listen('configuration'),
      onDidGrantWorkspaceTrust: listen('trust'),
    },
  };
});
vi.mock('../src/locate', () => ({ locate: () => fake.program }));
vi.mock('../src/server', () => ({
  Server: class {
    constructor(options: { onStatus: (status: ServerStatus) => void }) {
      fake.onStatus = options.onStatus;
    }
    start(): Promise<void> {
      fake.calls.push('start');
      return new Promise(() => undefined); // a program that never responds
    }
    stopStreaming(): void {
      fake.calls.push('stop streaming');
    }
    async stop(): Promise<void> {
      fake.calls.push('stop');
      await new Promise((resolve) => setTimeout(resolve, 1));
      fake.calls.push('stopped');
    }
  },
}));
const { activate, deactivate } = await import('../src/extension');

const run = (command: string): unknown => fake.commands.get(`foretell.${command}`)?.();

async function activateWith(program: string | undefined): Promise<void> {
  fake.program = program;
  const extension = { packageJSON: { contributes: { configuration: [] } } };
  void activate({ extension, extensionPath: '', subscriptions: [] } as unknown as ExtensionContext);
  await new Promise((resolve) => setTimeout(resolve, 1));
}

beforeEach(() => {
  fake.calls.length = 0;
  fake.settings.clear();
});
afterEach(() => deactivate());

test('restarts are serialized while the server hangs', async () => {
  await activateWith('/bin/foretell');
  await Promise.all([run('restart'), run('restart')]);
  expect(fake.calls).toEqual(['start', 'stop', 'stopped', 'start', 'stop', 'stopped', 'start']);
});

test('trusting the workspace restarts the server', async () => {
  await activateWith('/bin/foretell');
  await fake.listeners.get('trust')?.();
  expect(fake.calls).toEqual(['start', 'stop', 'stopped', 'start']);
});

test('dismiss hides any suggestion without a server', async () => {
  await activateWith(undefined);
  await run('dismiss');
  expect(fake.calls).toContain('editor.action.inlineSuggest.hide');
});

test('tasks of the program report that it is missing', async () => {
  await activateWith(undefined);
  fake.calls.length = 0;
  await Promise.all([run('doctor'), run('setup'), run('chooseModel')]);
  expect(fake.calls).toEqual(Array(3).fill('show Foretell: The program foretell is not installed.'));
  expect(fake.statusBar.tooltip).toContain('Foretell: The program foretell is not installed.');
});

test('missing model offers the setup', async () => {
  await activateWith('/bin/foretell');
  fake.calls.length = 0;
  fake.onStatus?.({ state: 'failed', message: 'no model at /m/small: run `foretell setup`, or name a folder' });
  expect(fake.calls).toEqual(['show Foretell: The model small is not installed. Set up downloads one.']);
});

test('tooltip has the latest reason', async () => {
  await activateWith('/bin/foretell');
  fake.onStatus?.({ state: 'ready', reason: 'unsure' });
  expect(fake.statusBar.tooltip).toContain('No suggestion: the model was not sure enough');
  fake.onStatus?.({ state: 'ready' });
  expect(fake.statusBar.tooltip).toContain('Foretell: Ready.');
});

test('spinner appears after half a second', async () => {
  await activateWith('/bin/foretell');
  fake.onStatus?.({ state: 'ready' });
  vi.useFakeTimers();
  fake.onStatus?.({ state: 'thinking' });
  vi.advanceTimersByTime(499);
  expect(fake.statusBar.text).toContain('sparkle');
  vi.advanceTimersByTime(1);
  expect(fake.statusBar.text).toContain('sync~spin');
  fake.onStatus?.({ state: 'ready' });
  expect(fake.statusBar.text).toContain('sparkle');
  vi.useRealTimers();
});

test('snooze hides the suggestion and ends', async () => {
  await activateWith('/bin/foretell');
  fake.onStatus?.({ state: 'ready' });
  fake.calls.length = 0;
  vi.useFakeTimers();
  await run('snooze');
  expect(fake.calls).toEqual(['stop streaming', 'editor.action.inlineSuggest.hide']);
  expect(fake.statusBar.tooltip).toContain('Snoozed until');
  vi.advanceTimersByTime(3_600_000);
  expect(fake.statusBar.tooltip).toContain('Ready');
  vi.useRealTimers();
});

test('toggles write the setting where it is set', async () => {
  await activateWith('/bin/foretell');
  fake.calls.length = 0;
  await run('toggle');
  fake.settings.set('foretell.suggest.enabled', { globalValue: true, workspaceValue: false });
  await run('toggle');
  fake.settings.set('foretell.suggest.enabled', { globalValue: true });
  fake.settings.set('foretell.suggest.languages', { workspaceValue: { python: false } });
  await run('toggleLanguage');
  expect(fake.calls).toEqual([
    'set foretell.suggest.enabled = false in user',
    'set foretell.suggest.enabled = true in workspace',
    'set foretell.suggest.languages = {"python":true} in workspace',
  ]);
});
