// Generates the server's settings and the restricted configurations in package.json, from the schema
// that `foretell config --schema` prints.
// usage: node scripts/settings.mjs [--check] < schema.json
import { readFileSync, writeFileSync } from 'node:fs';

/** Settings that could run other code or send the text elsewhere: ignored in a workspace. */
const MACHINE_SCOPE = ['engine.', 'model.library', 'workspace.trusted'];

/** Settings that an untrusted workspace may change. */
const HARMLESS = ['foretell.streaming'];

/** What the settings editor lists first. */
const FIRST = ['suggest.eagerness', 'suggest.enabled', 'suggest.languages', 'suggest.trigger'];

const schema = JSON.parse(readFileSync(0, 'utf8'));

/** Replaces a `$ref` by its definition. */
const resolve = (it) => {
  const reference = it.$ref ?? it.allOf?.[0]?.$ref;
  return reference ? { ...resolve(schema.$defs[reference.split('/').at(-1)]), ...it } : it;
};

/** The settings of a group as pairs of dotted name and schema. */
function settings(group, prefix) {
  return Object.entries(group.properties ?? {}).flatMap(([key, given]) => {
    const it = resolve(given);
    return it.type === 'object' && it.properties ? settings(it, `${prefix}${key}.`) : [[prefix + key, it]];
  });
}

/** One of several kinds of values. */
function alternative(given) {
  const { type, enum: values, minimum, maximum } = resolve(given);
  return {
    type,
    ...(values && { enum: values }),
    ...(minimum !== undefined && { minimum }),
    ...(maximum !== undefined && { maximum }),
  };
}

function contribution(name, it) {
  const { description, type, items, additionalProperties, minimum, maximum } = it;
  const order = FIRST.indexOf(name) + 1;
  const values = it.enum ?? it.oneOf?.map((variant) => variant.const);
  return {
    ...(it.anyOf ? { anyOf: it.anyOf.map(alternative) } : { type: values ? 'string' : type }),
    ...(values && { enum: values }),
    ...(it.oneOf && { markdownEnumDescriptions: it.oneOf.map((variant) => variant.description) }),
    ...(items && { items: { type: resolve(items).type } }),
    ...(additionalProperties && { additionalProperties: { type: resolve(additionalProperties).type } }),
    ...(minimum !== undefined && { minimum }),
    ...(maximum !== undefined && { maximum }),
    ...(it.default !== undefined && { default: it.default }),
    ...(it.deprecated && { markdownDeprecationMessage: description.replace(/\s+/g, ' ') }),
    ...(MACHINE_SCOPE.some((prefix) => name.startsWith(prefix)) && { scope: 'machine' }),
    ...(order > 0 && { order }),
    markdownDescription: description.replace(/\s+/g, ' '),
  };
}

const file = new URL('../package.json', import.meta.url);
const before = readFileSync(file, 'utf8');
const manifest = JSON.parse(before);
manifest.contributes.configuration[1].properties = Object.fromEntries(
  settings(schema, '').map(([name, it]) => [`foretell.${name}`, contribution(name, it)]),
);
// An untrusted workspace must not change these: it could, for example, remove the globs of secret
// files from `suggest.exclude`. VS Code reports them all as changed once the workspace is trusted.
manifest.capabilities.untrustedWorkspaces.restrictedConfigurations = manifest.contributes.configuration
  .flatMap((group) => Object.entries(group.properties))
  .filter(([name, it]) => it.scope !== 'machine' && !HARMLESS.includes(name))
  .map(([name]) => name);
const after = `${JSON.stringify(manifest, null, 2)}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, after);
} else if (after !== before) {
  console.error('editors/vscode/package.json is out of date: run `make editors-settings`');
  process.exit(1);
}
