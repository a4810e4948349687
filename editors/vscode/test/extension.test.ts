/** The extension among fakes of VS Code and of the server's client. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ExtensionContext } from 'vscode';

interface Inspected {
  globalValue?: unknown;
  workspaceValue?: unknown;
}

interface Fake {
  /** What was done, in order. */
  done: string[];
  commands: Map<string, () => unknown>;
  listeners: Map<string, () => unknown>;
  settings: Map<string, Inspected>;
  /** Where `foretell` is. */
  program?: string;
}

const fake = vi.hoisted((): Fake => ({ done: [], commands: new Map(), listeners: new Map(), settings: new Map() }));

vi.mock('vscode', () => {
  const listen = (event: string) => (listener: () => unknown) => fake.listeners.set(event, listener);
  const item = { show: vi.fn(), dispose: vi.fn() };
  const show = (text: string) => {
    fake.done.push(`show ${text}`);
    return Promise.resolve();
  };
  const getConfiguration = (section: string) => ({
    get: (name: string, otherwise: unknown) => {
      const set = fake.settings.get(`${section}.${name}`);
      return set?.workspaceValue ?? set?.globalValue ?? otherwise;
    },
    inspect: (name: string) => fake.settings.get(`${section}.${name}`),
    update: (name: string, value: unknown, target: number) => {
      fake.done.push(`set ${section}.${name} = ${JSON.stringify(value)} in ${target === 1 ? 'user' : 'workspace'}`);
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
      executeCommand: (name: string) => fake.done.push(name),
    },
    window: {
      activeTextEditor: { document: { languageId: 'python' } },
      createOutputChannel: () => item,
      createStatusBarItem: () => item,
      createTerminal: () => {
        fake.done.push('terminal');
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
        fake.done.push('start');
        return new Promise(() => undefined); // a program that never answers
      },
    };
    async stop(): Promise<void> {
      fake.done.push('stop');
      await new Promise((resolve) => setTimeout(resolve, 1));
      fake.done.push('stopped');
    }
  },
}));
const { activate, deactivate } = await import('../src/extension');

const run = (command: string): unknown => fake.commands.get(`foretell.${command}`)?.();

async function begin(program: string | undefined): Promise<void> {
  fake.program = program;
  const extension = { packageJSON: { contributes: { configuration: [] } } };
  void activate({ extension, extensionPath: '', subscriptions: [] } as unknown as ExtensionContext);
  await new Promise((resolve) => setTimeout(resolve, 1));
}

beforeEach(() => {
  fake.done.length = 0;
  fake.settings.clear();
});
afterEach(() => deactivate());

test('restarts come one after the other, also while a program does not answer', async () => {
  await begin('/bin/foretell');
  await Promise.all([run('restart'), run('restart')]);
  expect(fake.done).toEqual(['start', 'stop', 'stopped', 'start', 'stop', 'stopped', 'start']);
});

test('the server starts again when the workspace is trusted: it reads foretell.toml then', async () => {
  await begin('/bin/foretell');
  await fake.listeners.get('trust')?.();
  expect(fake.done).toEqual(['start', 'stop', 'stopped', 'start']);
});

test('Escape takes a text away, whoever wrote it, without the program too', async () => {
  await begin(undefined);
  await run('dismiss');
  expect(fake.done).toContain('editor.action.inlineSuggest.hide');
});

test('without the program, Doctor says that it is missing', async () => {
  await begin(undefined);
  fake.done.length = 0;
  await run('doctor');
  expect(fake.done).toEqual([expect.stringContaining('show Foretell: the program `foretell` is not there')]);
});

test('what is turned on or off is set where it holds', async () => {
  await begin('/bin/foretell');
  fake.done.length = 0;
  await run('toggle');
  fake.settings.set('foretell.suggest.enabled', { globalValue: true, workspaceValue: false });
  await run('toggle');
  fake.settings.set('foretell.suggest.enabled', { globalValue: true });
  fake.settings.set('foretell.suggest.languages', { workspaceValue: { python: false } });
  await run('toggleLanguage');
  expect(fake.done).toEqual([
    'set foretell.suggest.enabled = false in user',
    'set foretell.suggest.enabled = true in workspace',
    'set foretell.suggest.languages = {"python":true} in workspace',
  ]);
});
