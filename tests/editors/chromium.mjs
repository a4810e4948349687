// Unpacks Chromium into a folder and writes a script `chrome` there that runs it, with the package's
// libraries if the system lacks them.
// usage: node chromium.mjs FOLDER
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = resolve(process.argv[2]);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
process.env.TMPDIR = folder; // the package unpacks there

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const entry = createRequire(join(root, 'editors', 'vscode', 'package.json')).resolve('@sparticuz/chromium');
const { default: chromium } = await import(pathToFileURL(entry));
const { inflate } = await import(pathToFileURL(join(dirname(entry), 'lambdafs.js')));

const tryRun = (env) => spawnSync(program, ['--version'], { env: { ...process.env, ...env }, encoding: 'utf8' });
const program = await chromium.executablePath();
let libraries = '';
let result = tryRun({});
if (result.status !== 0) {
  libraries = join(await inflate(join(dirname(entry), '..', 'bin', 'al2023.tar.br')), 'lib');
  result = tryRun({ LD_LIBRARY_PATH: libraries });
}
if (result.status !== 0) {
  console.error(`Chromium does not run on this machine: ${result.error ?? result.stderr}`);
  process.exit(1);
}
const assignment = libraries && `LD_LIBRARY_PATH="${libraries}" `;
writeFileSync(join(folder, 'chrome'), `#!/bin/sh\n${assignment}exec "${program}" "$@"\n`, { mode: 0o755 });
