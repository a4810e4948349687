/** The extension with fakes of VS Code and of the server. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ExtensionContext } from 'vscode';

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
  /** The path that `locate` returns. */
  program?: string;
}

const fake = vi.hoisted((): Fake => ({ calls: [], commands: new Map(), listeners: new Map(), settings: new Map() }));

vi.mock('vscode', () => {
  const listen = (event: string) => (listener: () => unknown) => fake.listeners.set(event, listener);
  const item = { show: vi.fn(), dispose: vi.fn() };
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
    extensions: { getExtension: () => undefined },
    commands: {
      registerCommand: (name: string, run: () => unknown) => fake.commands.set(name, run),
      executeCommand: (name: string) => fake.calls.push(name),
    },
    window: {
      activeTextEditor: { document: { languageId: 'python' } },
      createOutputChannel: () => item,
      createStatusBarItem: () => item,
      createTerminal: () => {
        fake.calls.push('terminal');
        return item;
      },
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
    client = {
      start: () => {
        fake.calls.push('start');
        return new Promise(() => undefined); // a program that never responds
      },
    };
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

test('doctor reports a missing program', async () => {
  await activateWith(undefined);
  fake.calls.length = 0;
  await run('doctor');
  expect(fake.calls).toEqual([expect.stringContaining('show Foretell: cannot find the program `foretell`')]);
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
