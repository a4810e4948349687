/** The server's settings as the user has set them in VS Code. */
import * as vscode from 'vscode';

/** Settings of this extension that the server does not know. */
const OURS = new Set(['server.path', 'streaming']);

type Json = Record<string, unknown>;

/** Lays `value` into `object` at a path such as `suggest.max_lines`. */
export function put(object: Json, path: string, value: unknown): Json {
  const [head = '', ...rest] = path.split('.');
  const inner = (object[head] ?? {}) as Json;
  object[head] = rest.length ? put(inner, rest.join('.'), value) : value;
  return object;
}

/**
 * Only what is set. A default is left out, so that it does not hold over the user's own
 * settings file, which the server reads.
 */
export function serverSettings(names: string[]): Json {
  const settings: Json = {};
  const configuration = vscode.workspace.getConfiguration('foretell');
  for (const name of names.filter((name) => !OURS.has(name))) {
    const set = configuration.inspect(name);
    const value = set?.workspaceFolderValue ?? set?.workspaceValue ?? set?.globalValue;
    if (value !== undefined) {
      put(settings, name, value);
    }
  }
  return settings;
}

/** Sets one where it is set, so that the new value holds: in the workspace, else for the user. */
export async function write(name: string, value: unknown): Promise<void> {
  const configuration = vscode.workspace.getConfiguration('foretell');
  const isOfWorkspace = configuration.inspect(name)?.workspaceValue !== undefined;
  const target = isOfWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await configuration.update(name, value, target);
}

/** `foretell.suggest.languages`; "*" is every other one. */
export type Languages = Partial<Record<string, boolean>>;

export function isInLanguages(languages: Languages, language: string): boolean {
  return languages[language] ?? languages['*'] ?? true;
}

/** Whether anything is to be suggested in a language. */
export function isOn(language: string): boolean {
  const suggest = vscode.workspace.getConfiguration('foretell.suggest');
  return suggest.get<boolean>('enabled', true) && isInLanguages(suggest.get<Languages>('languages', {}), language);
}
