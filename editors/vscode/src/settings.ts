/** The server's settings, as the user set them in VS Code. */
import * as vscode from 'vscode';

/** Settings of this extension that the server does not know. */
const EXTENSION_SETTINGS = new Set(['server.path', 'streaming']);

type Json = Record<string, unknown>;

/** Sets the value at a dotted path such as `suggest.max_lines`. */
export function setAtPath(object: Json, path: string, value: unknown): Json {
  const [head = '', ...rest] = path.split('.');
  const inner = (object[head] ?? {}) as Json;
  object[head] = rest.length ? setAtPath(inner, rest.join('.'), value) : value;
  return object;
}

/**
 * The settings with a value from the user or the workspace. Defaults are left out, because they
 * would override the `foretell.toml` that the server reads.
 */
export function serverSettings(names: string[]): Json {
  const settings: Json = {};
  const configuration = vscode.workspace.getConfiguration('foretell');
  for (const name of names.filter((name) => !EXTENSION_SETTINGS.has(name))) {
    const set = configuration.inspect(name);
    const value = set?.workspaceFolderValue ?? set?.workspaceValue ?? set?.globalValue;
    if (value !== undefined) {
      setAtPath(settings, name, value);
    }
  }
  return settings;
}

/** Writes a setting where it takes effect: in the workspace if it is set there, else for the user. */
export async function writeSetting(name: string, value: unknown): Promise<void> {
  const configuration = vscode.workspace.getConfiguration('foretell');
  const isOfWorkspace = configuration.inspect(name)?.workspaceValue !== undefined;
  const target = isOfWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await configuration.update(name, value, target);
}

/** `foretell.suggest.languages`; "*" stands for all other languages. */
export type Languages = Partial<Record<string, boolean>>;

export function isLanguageOn(languages: Languages, language: string): boolean {
  return languages[language] ?? languages['*'] ?? true;
}

/** Whether suggestions are on for a language. */
export function isOn(language: string): boolean {
  const suggest = vscode.workspace.getConfiguration('foretell.suggest');
  return suggest.get<boolean>('enabled', true) && isLanguageOn(suggest.get<Languages>('languages', {}), language);
}
