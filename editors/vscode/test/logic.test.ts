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
const { isInLanguages, put } = await import('../src/settings');
const { canRetrigger } = await import('../src/retrigger');

describe('locate', () => {
  const places = { setting: '', extension: '/ext', path: ['/a', '/b'].join(delimiter), home: '/home/me' };
  const only = (...files: string[]) => (file: string) => files.includes(file);

  test('next to the extension comes before PATH, and PATH before the home', () => {
    const all = ['/home/me/.cargo/bin/foretell', '/b/foretell', '/ext/bin/foretell'].map((it) => join(it));
    expect(locate(places, only(...all))).toBe(all[2]);
    expect(locate(places, only(...all.slice(0, 2)))).toBe(all[1]);
    expect(locate(places, only(...all.slice(0, 1)))).toBe(all[0]);
  });

  test('a setting that names no program is not passed over', () => {
    const setting = '/nowhere/foretell';
    expect(locate({ ...places, setting }, only('/b/foretell'))).toBeUndefined();
    expect(locate({ ...places, setting }, only(setting))).toBe(setting);
  });
});

describe('models', () => {
  test('they are where the server looks', () => {
    const share = join('/home/me', '.local', 'share', 'foretell', 'models');
    expect(modelsFolder({}, '/home/me', 'linux')).toBe(share);
    expect(modelsFolder({ XDG_DATA_HOME: '/data' }, '/home/me', 'linux')).toBe(join('/data', 'foretell', 'models'));
    expect(modelsFolder({ XDG_DATA_HOME: 'here' }, '/home/me', 'linux')).toBe(share);
    expect(modelsFolder({ FORETELL_HOME: '/own', APPDATA: '/roaming' }, '/home/me', 'win32')).toBe(join('/own', 'models'));
    expect(modelsFolder({ APPDATA: '/roaming' }, '/home/me', 'win32')).toBe(join('/roaming', 'foretell', 'models'));
  });

  test('a model is a folder with a manifest', () => {
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

describe('growing', () => {
  const place = { uri: 'file:///a.py', version: 7, position: { line: 3, character: 8 } };
  const at = (version: number, character: number) => ({ ...place, version, position: { line: 3, character } });

  test('the longest text of the last request is kept', () => {
    const growing = new StreamingItem<string>();
    growing.asked(place);
    expect(growing.at(place)).toBeUndefined();
    expect(growing.take(place, 'a')).toBe(true);
    expect(growing.take(place, 'ab')).toBe(true);
    expect(growing.at(place)).toBe('ab');
  });

  test('what belongs to another version or cursor is not taken', () => {
    const growing = new StreamingItem<string>();
    growing.asked(place);
    expect(growing.take(at(6, 8), 'a')).toBe(false);
    expect(growing.take(at(7, 9), 'a')).toBe(false);
    expect(growing.at(place)).toBeUndefined();
  });

  test('nothing grows after a stop, or at another place', () => {
    const growing = new StreamingItem<string>();
    growing.asked(place);
    growing.take(place, 'a');
    expect(growing.at({ ...place, version: 8 })).toBeUndefined();
    growing.stop();
    expect(growing.at(place)).toBeUndefined();
    expect(growing.take(place, 'ab')).toBe(false);
  });
});

test('a setting is laid in by its path', () => {
  const settings = put({}, 'suggest.max_lines', 3);
  expect(put(settings, 'suggest.enabled', false)).toEqual({ suggest: { max_lines: 3, enabled: false } });
});

test('a language is on unless it, or every other one, is off', () => {
  expect(isInLanguages({}, 'python')).toBe(true);
  expect(isInLanguages({ python: false }, 'python')).toBe(false);
  expect(isInLanguages({ '*': false }, 'python')).toBe(false);
  expect(isInLanguages({ '*': false, python: true }, 'python')).toBe(true);
});

test('the counts are the page that the server draws', () => {
  const page = 'requests    12, 3 of them superseded\nshown       9 (75 %)\n';
  const stats = { page, counts: { requests: 12, superseded: 3 } };
  expect(statsPage(stats)).toBe(`# Foretell: this session\n\n\`\`\`text\n${page}\`\`\`\n`);
  expect(statsPage(null)).toContain('No statistics yet.');
});

test('an untrusted workspace sets nothing of the server', () => {
  const { capabilities, contributes } = manifest;
  const restricted: string[] = capabilities.untrustedWorkspaces.restrictedConfigurations;
  const [ours, servers] = contributes.configuration.map((group) =>
    Object.entries<{ type: unknown; scope?: string } | undefined>(group.properties)
      .filter(([name, it]) => it?.scope !== 'machine' && !restricted.includes(name))
      .map(([name]) => name),
  );
  expect(ours).toEqual(['foretell.streaming']);
  expect(servers).toEqual([]);
  expect(restricted).toContain('foretell.suggest.exclude');
});

test('a text grows only where VS Code can be told to ask one provider', () => {
  const versions = ['1.100.3', '1.105.1', '1.106.0', '1.139.1', '2.0.0', '1.106.0-insider'];
  expect(versions.filter(canRetrigger)).toEqual(versions.slice(2));
});
