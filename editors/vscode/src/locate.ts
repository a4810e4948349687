/** Finds the server: the setting; otherwise next to the extension, in PATH, or in the home folder. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Places {
  /** `foretell.server.path`; empty if it is not set. */
  setting: string;
  /** The folder of this extension. */
  extension: string;
  /** The environment's PATH. */
  path: string;
  /** `make install` and `cargo install` use folders below it that a desktop's PATH often lacks. */
  home: string;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The program's path, or undefined. There is no fallback if the setting names no program. */
export function locate(places: Places, exists: (file: string) => boolean = isProgram): string | undefined {
  const name = process.platform === 'win32' ? 'foretell.exe' : 'foretell';
  if (places.setting) {
    return exists(places.setting) ? places.setting : undefined;
  }
  const folders = [
    join(places.extension, 'bin'),
    ...places.path.split(delimiter),
    join(places.home, '.local', 'bin'),
    join(places.home, '.cargo', 'bin'),
  ];
  return folders.filter(Boolean).map((folder) => join(folder, name)).find(exists);
}
