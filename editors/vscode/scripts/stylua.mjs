// Formats the Lua files of folders with StyLua. usage: node stylua.mjs [--check] FOLDER…
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Config, IndentType, OutputVerification, QuoteStyle, formatCode } from '@johnnymorganz/stylua';

/** `formatCode` consumes its configuration, so each file needs a new one. */
function configuration() {
  const config = Config.new();
  config.column_width = 100;
  config.indent_type = IndentType.Spaces;
  config.indent_width = 2;
  config.quote_style = QuoteStyle.AutoPreferSingle;
  return config;
}

const check = process.argv.includes('--check');
const folders = process.argv.slice(2).filter((argument) => argument !== '--check');
const files = folders.flatMap((folder) =>
  readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.lua')).map((name) => join(folder, name)),
);
let unformattedCount = 0;
for (const file of files) {
  const before = readFileSync(file, 'utf8');
  const after = formatCode(before, configuration(), undefined, OutputVerification.Full);
  if (after !== before) {
    unformattedCount += 1;
    console.log(check ? `${file} is not formatted` : `formatted ${file}`);
    if (!check) {
      writeFileSync(file, after);
    }
  }
}
process.exit(check && unformattedCount > 0 ? 1 : 0);
