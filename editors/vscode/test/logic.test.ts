import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import manifest from '../package.json';
import { StreamingItem } from '../src/streamingItem';
import { locate } from '../src/locate';

vi.mock('vscode', () => ({}));
const { isLanguageOn, setAtPath } = await import('../src/settings');
const { canRetrigger } = await import('../src/retrigger');

describe('locate', () => {
  const places = { setting: '', extension: '/ext', path: ['/a', '/b'].join(delimiter), home: '/home/me' };
  const only = (...files: string[]) => (file: string) => files.includes(file);

  test('extension folder precedes PATH and home', () => {
    const all = ['/home/me/.cargo/bin/foretell', '/b/foretell', '/ext/bin/foretell'].map((it) => join(it));
    expect(locate(places, only(...all))).toBe(all[2]);
    expect(locate(places, only(...all.slice(0, 2)))).toBe(all[1]);
    expect(locate(places, only(...all.slice(0, 1)))).toBe(all[0]);
  });

  test('setting without a program has no fallback', () => {
    const setting = '/nowhere/foretell';
    expect(locate({ ...places, setting }, only('/b/foretell'))).toBeUndefined();
    expect(locate({ ...places, setting }, only(setting))).toBe(setting);
  });
});

describe('StreamingItem', () => {
  const place = { uri: 'file:///a.py', version: 7, position: { line: 3, character: 8 } };
  const at = (version: number, character: number) => ({ ...place, version, position: { line: 3, character } });

  test('longest item of the last request is kept', () => {
    const item = new StreamingItem<string>();
    item.start(place);
    expect(item.at(place)).toBeUndefined();
    expect(item.update(place, 'a')).toBe(true);
    expect(item.update(place, 'ab')).toBe(true);
    expect(item.at(place)).toBe('ab');
  });

  test('update for another place is ignored', () => {
    const item = new StreamingItem<string>();
    item.start(place);
    expect(item.update(at(6, 8), 'a')).toBe(false);
    expect(item.update(at(7, 9), 'a')).toBe(false);
    expect(item.at(place)).toBeUndefined();
  });

  test('stop and another place end the stream', () => {
    const item = new StreamingItem<string>();
    item.start(place);
    item.update(place, 'a');
    expect(item.at({ ...place, version: 8 })).toBeUndefined();
    item.stop();
    expect(item.at(place)).toBeUndefined();
    expect(item.update(place, 'ab')).toBe(false);
  });
});

test('setting is nested by its dotted path', () => {
  const settings = setAtPath({}, 'suggest.max_lines', 3);
  expect(setAtPath(settings, 'suggest.enabled', false)).toEqual({ suggest: { max_lines: 3, enabled: false } });
});

test('language overrides the wildcard', () => {
  expect(isLanguageOn({}, 'python')).toBe(true);
  expect(isLanguageOn({ python: false }, 'python')).toBe(false);
  expect(isLanguageOn({ '*': false }, 'python')).toBe(false);
  expect(isLanguageOn({ '*': false, python: true }, 'python')).toBe(true);
});

test('untrusted workspace changes no server setting', () => {
  const { capabilities, contributes } = manifest;
  const restricted: string[] = capabilities.untrustedWorkspaces.restrictedConfigurations;
  const free = contributes.configuration
    .flatMap((group) => Object.entries<{ scope?: string; markdownDescription: string } | undefined>(group.properties))
    .filter(([name, it]) => it?.scope !== 'machine' && !restricted.includes(name))
    .map(([name]) => name);
  expect(free).toEqual(['foretell.streaming']);
  expect(restricted).toContain('foretell.suggest.exclude');
});

test('README has no relative links, which VS Code does not resolve', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(readme.match(/\]\((?!https:)[^)]*\)/g)).toBeNull();
});

test('keys of the next edit are left to others', () => {
  const keys = manifest.contributes.keybindings.filter(({ when }) => when.startsWith('foretell.nextEdit && editorTextFocus'));
  expect(keys.map(({ key }) => key)).toEqual(['tab', 'escape']);
  const others = ['suggestWidgetVisible', 'inSnippetMode', 'inlineSuggestionVisible', 'editorHasSelection', 'editorHasMultipleSelections'];
  for (const { when } of keys) {
    expect(others.filter((it) => !when.includes(`!${it}`))).toEqual([]);
  }
  expect(keys[0]?.when).toContain('!editorTabMovesFocus');
  expect(keys[0]?.when).toContain("(!vim.active || vim.mode == 'Insert')");
  expect(keys[1]?.when).toContain('!vim.active');
});

test('important settings come first', () => {
  const [first, ...rest] = manifest.contributes.configuration;
  expect(Object.keys(first?.properties ?? {})).toEqual(
    ['suggest.enabled', 'suggest.eagerness', 'suggest.trigger', 'suggest.languages', 'suggest.max_lines', 'next_edit.enabled', 'model.name']
      .map((name) => `foretell.${name}`),
  );
  expect(rest.map(({ title }) => title).at(-1)).toBe('Advanced');
});

test('streaming requires VS Code 1.106', () => {
  const versions = ['1.100.3', '1.105.1', '1.106.0', '1.139.1', '2.0.0', '1.106.0-insider'];
  expect(versions.filter(canRetrigger)).toEqual(versions.slice(2));
});
