/** The installed models. */
import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

type Environment = Partial<Record<string, string>>;

/** The folder of the models: below `$FORETELL_HOME`, or `foretell` in the platform's data folder. */
export function modelsFolder(env: Environment, home: string, platform = process.platform): string {
  if (env['FORETELL_HOME']) {
    return join(env['FORETELL_HOME'], 'models');
  }
  const xdg = env['XDG_DATA_HOME'];
  const unix = xdg && isAbsolute(xdg) ? xdg : join(home, '.local', 'share');
  const data = platform === 'win32' ? (env['APPDATA'] ?? join(home, 'AppData', 'Roaming')) : unix;
  return join(data, 'foretell', 'models');
}

/** The names of the bundles in a folder, sorted; empty if the folder does not exist. */
export function modelNames(folder: string): string[] {
  return existsSync(folder)
    ? readdirSync(folder).filter((name) => existsSync(join(folder, name, 'foretell.json'))).sort()
    : [];
}
