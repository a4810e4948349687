import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import manifest from '../package.json';
import { StreamingItem } from '../src/streamingItem';
import { locate } from '../src/locate';
import { modelNames, modelsFolder } from '../src/models';
import { statsPage } from '../src/statsPage';

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

describe('models', () => {
  test('folder matches the server', () => {
    const share = join('/home/me', '.local', 'share', 'foretell', 'models');
    expect(modelsFolder({}, '/home/me', 'linux')).toBe(share);
    expect(modelsFolder({ XDG_DATA_HOME: '/data' }, '/home/me', 'linux')).toBe(join('/data', 'foretell', 'models'));
    expect(modelsFolder({ XDG_DATA_HOME: 'here' }, '/home/me', 'linux')).toBe(share);
    expect(modelsFolder({ FORETELL_HOME: '/own', APPDATA: '/roaming' }, '/home/me', 'win32')).toBe(join('/own', 'models'));
    expect(modelsFolder({ APPDATA: '/roaming' }, '/home/me', 'win32')).toBe(join('/roaming', 'foretell', 'models'));
  });

  test('bundle is a folder with a manifest', () => {
    const folder = mkdtempSync(join(tmpdir(), 'models-'));
    for (const name of ['small', 'half', 'big']) {
      mkdirSync(join(folder, name));
    }
    writeFileSync(join(folder, 'small', 'foretell.json'), '{}');
    writeFileSync(join(folder, 'big', 'foretell.json'), '{}');
    expect(modelNames(folder)).toEqual(['big', 'small']);
    expect(modelNames(join(folder, 'none'))).toEqual([]);
    rmSync(folder, { recursive: true });
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

test('stats page quotes the text of the server', () => {
  const text = 'requests    12, 3 of them superseded\nshown       9 (75 %)\n';
  const stats = { page: text, counts: { requests: 12, superseded: 3 } };
  expect(statsPage(stats)).toBe(`# Foretell: this session\n\n\`\`\`text\n${text}\`\`\`\n`);
  expect(statsPage(null)).toContain('No statistics yet.');
});

test('untrusted workspace changes no server setting', () => {
  const { capabilities, contributes } = manifest;
  const restricted: string[] = capabilities.untrustedWorkspaces.restrictedConfigurations;
  const [ofExtension, ofServer] = contributes.configuration.map((group) =>
    Object.entries<{ type: unknown; scope?: string } | undefined>(group.properties)
      .filter(([name, it]) => it?.scope !== 'machine' && !restricted.includes(name))
      .map(([name]) => name),
  );
  expect(ofExtension).toEqual(['foretell.streaming']);
  expect(ofServer).toEqual([]);
  expect(restricted).toContain('foretell.suggest.exclude');
});

test('streaming requires VS Code 1.106', () => {
  const versions = ['1.100.3', '1.105.1', '1.106.0', '1.139.1', '2.0.0', '1.106.0-insider'];
  expect(versions.filter(canRetrigger)).toEqual(versions.slice(2));
});
