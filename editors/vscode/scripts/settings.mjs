// Generates the groups of settings and the restricted configurations in package.json, from the schema
// that `foretell config --schema` prints.
// usage: node scripts/settings.mjs [--check] < schema.json
import { readFileSync, writeFileSync } from 'node:fs';

/** Settings that could run other code or send the text elsewhere: ignored in a workspace. */
const MACHINE_SCOPE = ['engine.', 'model.library', 'workspace.trusted'];

/** Settings that an untrusted workspace may change. */
const HARMLESS = ['foretell.streaming'];

/** Settings of the extension itself; the server does not read them. */
const OWN = {
  'server.path': {
    type: 'string',
    default: '',
    scope: 'machine',
    markdownDescription:
      'The path of the program `foretell`. If empty, the extension looks next to itself, in PATH, `~/.local/bin` and `~/.cargo/bin`. In a remote window, this is a path on the remote machine.',
  },
  streaming: {
    type: 'boolean',
    default: true,
    scope: 'window',
    markdownDescription:
      'Show the first words early and let the suggestion grow while the model generates. If off, in VS Code before 1.106, and with `#editor.accessibilitySupport#` on, the suggestion appears at the deadline, and the rest with the next key.',
  },
};

/**
 * The groups of the settings editor, the most important group and settings first. VS Code derives the
 * titles of settings from their names, so descriptions in the first group start with a better title.
 */
const GROUPS = [
  {
    title: 'Foretell',
    settings: {
      'suggest.enabled': 'Suggestions',
      'suggest.eagerness': 'Calm or eager',
      'suggest.trigger': 'When suggestions appear',
      'suggest.languages': 'Languages',
      'suggest.max_lines': 'Longest suggestion',
      'next_edit.enabled': 'Next edits',
      'model.name': 'Model',
    },
  },
  { title: 'Privacy', names: /^(suggest\.exclude|stats\.keep|workspace\.trusted)$/ },
  { title: 'Program and hardware', names: /^(server\.path|model\.(provider|threads|library))$/ },
  { title: 'Model on another computer', names: /^engine\./ },
  { title: 'Advanced', names: /./, tags: ['advanced'] },
];

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

function contribution(name, it) {
  const { type, items, additionalProperties, minimum, maximum } = it;
  // VS Code offers a menu only for named values, so other values must be set in foretell.toml.
  const named = it.anyOf?.map(resolve).find((kind) => kind.enum);
  const description = `${it.description}${named ? ' Set a number in `foretell.toml`.' : ''}`;
  const values = it.enum ?? it.oneOf?.map((variant) => variant.const) ?? named?.enum;
  return {
    type: values ? 'string' : type,
    ...(values && { enum: values }),
    ...(it.oneOf && { markdownEnumDescriptions: it.oneOf.map((variant) => variant.description) }),
    ...(items && { items: { type: resolve(items).type } }),
    ...(additionalProperties && { additionalProperties: { type: resolve(additionalProperties).type } }),
    ...(minimum !== undefined && { minimum }),
    ...(maximum !== undefined && { maximum }),
    ...(it.default !== undefined && { default: it.default }),
    ...(it.deprecated && { markdownDeprecationMessage: description.replace(/\s+/g, ' ') }),
    ...(MACHINE_SCOPE.some((prefix) => name.startsWith(prefix)) && { scope: 'machine' }),
    markdownDescription: description.replace(/\s+/g, ' '),
  };
}

/** The groups with their settings; each setting is in the first group that names it. */
function configuration() {
  const all = new Map(settings(schema, '').map(([name, it]) => [name, contribution(name, it)]));
  Object.entries(OWN).forEach(([name, it]) => all.set(name, it));
  return GROUPS.map(({ title, settings: titles = {}, names, tags }, i) => {
    const chosen = names ? [...all.keys()].filter((name) => names.test(name)) : Object.keys(titles);
    const properties = chosen.map((name, order) => {
      const it = all.get(name);
      all.delete(name);
      const markdownDescription = `${titles[name] ? `**${titles[name]}.** ` : ''}${it.markdownDescription}`;
      return [`foretell.${name}`, { ...it, markdownDescription, order, ...(tags && { tags }) }];
    });
    return { title, order: i, properties: Object.fromEntries(properties) };
  });
}

const file = new URL('../package.json', import.meta.url);
const before = readFileSync(file, 'utf8');
const manifest = JSON.parse(before);
manifest.contributes.configuration = configuration();
// An untrusted workspace must not change these: it could, for example, remove the globs of secret
// files from `suggest.exclude`. VS Code reports them all as changed once the workspace is trusted.
manifest.capabilities.untrustedWorkspaces.restrictedConfigurations = manifest.contributes.configuration
  .flatMap((group) => Object.entries(group.properties))
  .filter(([name, it]) => it.scope !== 'machine' && !HARMLESS.includes(name))
  .map(([name]) => name)
  .sort();
const after = `${JSON.stringify(manifest, null, 2)}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, after);
} else if (after !== before) {
  console.error('editors/vscode/package.json is out of date: run `make editors-settings`');
  process.exit(1);
}
