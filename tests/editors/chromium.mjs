// Unpacks Chromium into a folder and writes a program there, `chrome`, that runs it, with the
// libraries that came with it where the system has none.
// usage: node chromium.mjs FOLDER
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = resolve(process.argv[2]);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
process.env.TMPDIR = folder; // where the package unpacks to

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const entry = createRequire(join(root, 'editors', 'vscode', 'package.json')).resolve('@sparticuz/chromium');
const { default: chromium } = await import(pathToFileURL(entry));
const { inflate } = await import(pathToFileURL(join(dirname(entry), 'lambdafs.js')));

const runs = (env) => spawnSync(program, ['--version'], { env: { ...process.env, ...env }, encoding: 'utf8' });
const program = await chromium.executablePath();
let libraries = '';
let tried = runs({});
if (tried.status !== 0) {
  libraries = join(await inflate(join(dirname(entry), '..', 'bin', 'al2023.tar.br')), 'lib');
  tried = runs({ LD_LIBRARY_PATH: libraries });
}
if (tried.status !== 0) {
  console.error(`Chromium does not run on this machine: ${tried.error ?? tried.stderr}`);
  process.exit(1);
}
const setting = libraries && `LD_LIBRARY_PATH="${libraries}" `;
writeFileSync(join(folder, 'chrome'), `#!/bin/sh\n${setting}exec "${program}" "$@"\n`, { mode: 0o755 });
