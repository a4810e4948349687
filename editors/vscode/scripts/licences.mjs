// Writes LICENSE-PACKAGES.txt: the licence texts of the packages that dist/extension.js contains.
// `npm run build` runs it; esbuild lists the bundled files in dist/meta.json.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|thirdpartynotices)/i;

const { inputs } = JSON.parse(readFileSync('dist/meta.json', 'utf8'));
const folders = Object.keys(inputs).flatMap(
  (file) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [],
);
const parts = [...new Set(folders)].sort().map((folder) => {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file));
  if (files.length === 0) {
    throw new Error(`${name} ${version} has no licence file`);
  }
  const texts = files.sort().map((file) => readFileSync(`${folder}/${file}`, 'utf8').trim());
  return [`${name} ${version} (${license})`, ...texts].join('\n\n');
});
writeFileSync('LICENSE-PACKAGES.txt', parts.join(`\n\n${'='.repeat(80)}\n`) + '\n');
