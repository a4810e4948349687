// Writes the server's settings, and which are not taken from an untrusted workspace, into package.json,
// from the schema that `foretell config --schema` prints.
// usage: node scripts/settings.mjs [--check] < schema.json
import { readFileSync, writeFileSync } from 'node:fs';

/** What would run other code, or send the text elsewhere: never taken from a workspace. */
const OF_THE_MACHINE = ['engine.', 'model.library', 'workspace.trusted'];

/** What an untrusted workspace may set; what is of the machine no workspace sets. */
const HARMLESS = ['foretell.streaming'];

const schema = JSON.parse(readFileSync(0, 'utf8'));
const resolve = (it) => {
  const reference = it.$ref ?? it.allOf?.[0]?.$ref;
  return reference ? { ...resolve(schema.$defs[reference.split('/').at(-1)]), ...it } : it;
};

/** The settings of a group, each with its dotted name. */
function settings(group, prefix) {
  return Object.entries(group.properties ?? {}).flatMap(([key, given]) => {
    const it = resolve(given);
    return it.type === 'object' && it.properties ? settings(it, `${prefix}${key}.`) : [[prefix + key, it]];
  });
}

function contribution(name, it) {
  const { description, type, items, additionalProperties, minimum, maximum } = it;
  const values = it.enum ?? it.oneOf?.map((one) => one.const);
  return {
    type: values ? 'string' : type,
    ...(values && { enum: values }),
    ...(it.oneOf && { markdownEnumDescriptions: it.oneOf.map((one) => one.description) }),
    ...(items && { items: { type: resolve(items).type } }),
    ...(additionalProperties && { additionalProperties: { type: resolve(additionalProperties).type } }),
    ...(minimum !== undefined && { minimum }),
    ...(maximum !== undefined && { maximum }),
    ...(it.default !== undefined && { default: it.default }),
    ...(OF_THE_MACHINE.some((it) => name.startsWith(it)) && { scope: 'machine' }),
    markdownDescription: description.replace(/\s+/g, ' '),
  };
}

const file = new URL('../package.json', import.meta.url);
const before = readFileSync(file, 'utf8');
const manifest = JSON.parse(before);
manifest.contributes.configuration[1].properties = Object.fromEntries(
  settings(schema, '').map(([name, it]) => [`foretell.${name}`, contribution(name, it)]),
);
// A workspace that is not trusted has no say: it could take the files with secrets from what is left out.
// VS Code tells that all of these have changed when it is trusted.
manifest.capabilities.untrustedWorkspaces.restrictedConfigurations = manifest.contributes.configuration
  .flatMap((group) => Object.entries(group.properties))
  .filter(([name, it]) => it.scope !== 'machine' && !HARMLESS.includes(name))
  .map(([name]) => name);
const after = `${JSON.stringify(manifest, null, 2)}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, after);
} else if (after !== before) {
  console.error('editors/vscode/package.json does not have the settings of the server: run `make editors-settings`');
  process.exit(1);
}
