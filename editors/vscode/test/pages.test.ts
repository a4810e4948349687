/** The pages and the texts that the user reads. */
import { describe, expect, test, vi } from 'vitest';

const fake = vi.hoisted((): { env: { remoteName?: string } } => ({ env: {} }));
vi.mock('vscode', () => ({
  env: fake.env, QuickPickItemKind: { Separator: -1 }, ViewColumn: {}, ProgressLocation: {}, ConfigurationTarget: {},
  window: {}, workspace: {}, commands: {},
}));
const { duration, medianMs, statsPage } = await import('../src/statsPage');
const { doctorPage } = await import('../src/doctorPage');
const { document, inline } = await import('../src/page');
const { explain } = await import('../src/reasons');
const { parseProgress, percent } = await import('../src/setup');
const { choices, size } = await import('../src/models');
const { describeFailure } = await import('../src/messages');
const { languageName, modelEntry } = await import('../src/menu');

const textOf = (html: string) => html.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim();

describe('statistics', () => {
  const counts = {
    offers: 40,
    accepted: { whole: 10, partly: 3, chars: 512 },
    probability: { accepted: { 9: 9, 5: 1 }, dismissed: { 9: 3, 5: 4 } },
    first_text_ms: { 56: 1, 64: 2, 72: 1 },
  };

  test('page shows five figures', () => {
    const text = textOf(statsPage({ page: 'requests 9 <b>', counts }));
    expect(text).toContain('Suggestions shown 40');
    expect(text).toContain('Accepted 25 % 10 whole, 3 in part');
    expect(text).toContain('Characters saved 512');
    expect(text).toContain('Typical wait 256 ms');
    expect(text).toContain('Confidence 75 %');
    expect(text).toContain('requests 9 &lt;b&gt;');
  });

  test('missing counts are no error', () => {
    expect(textOf(statsPage(null))).toContain('No statistics yet.');
    expect(textOf(statsPage({ counts: {} }, { all: {}, sessions: 3 }))).toContain('All sessions on this machine (3)');
    expect(textOf(statsPage({ counts: {} }, { all: {}, sessions: 0 }))).not.toContain('All sessions');
  });

  test('median is the middle bucket', () => {
    expect(medianMs({})).toBeUndefined();
    expect(medianMs({ 80: 1, '-8': 5 })).toBe(0.5);
    expect([0.84, 84.2, 1310, undefined].map(duration)).toEqual(['0.8 ms', '84 ms', '1.3 s', '–']);
  });
});

test('menu names the model, its provider and its speed', () => {
  const engine = { model: 'Small 0.5B', provider: 'cpu', n_threads: 2, prefill_tokens_per_s: 143.7 };
  expect(modelEntry({ engine, counts: { first_text_ms: { 52: 3 } } })).toEqual({
    label: '$(package) Small 0.5B',
    description: 'CPU, 2 threads',
    detail: 'First words typically after 91 ms. Prefill 144 tokens/s. Select another model…',
  });
  expect(modelEntry({ engine: { ...engine, prefill_tokens_per_s: null } }).detail).toBe('Select another model…');
  expect(modelEntry({}).label).toContain('Select a model…');
  expect(modelEntry({ engine: null }, 'https://example.org').detail).toContain('https://example.org');
});

test('doctor page leaves out other editors', () => {
  const check = (name: string, mark: string, to_do: string | null = null) => ({ name, mark, text: `${name} <x>`, to_do, details: [] });
  const html = doctorPage({
    ok: false,
    latency: { first_text_ms: 1200, next_text_ms: 80, line_ms: 300 },
    checks: [check('model', 'bad', 'run `foretell setup`'), check('editor', 'attention'), check('command', 'attention')],
  });
  expect(textOf(html)).toContain('✗ model model &lt;x&gt; run foretell setup');
  expect(html).toContain('<code>foretell setup</code>');
  expect(html).not.toContain('editor &lt;');
});

test('pages run no scripts', () => {
  expect(document('A & B', '')).toContain(`default-src 'none'`);
  expect(inline('<script> `a<b`')).toBe('&lt;script&gt; <code>a&lt;b</code>');
});

test('reason is a sentence', () => {
  expect(explain('unsure')).toBe('No suggestion: the model was not sure enough (foretell.suggest.eagerness).');
  expect(explain('new_reason')).toBe('No suggestion: new reason.');
  expect(explain('line_end', 'the model ends the line.')).toBe('No suggestion: the model ends the line.');
  expect(explain()).toBeUndefined();
});

test('progress has a message and a percentage', () => {
  const line = '{"stage": "model", "message": "fetching x", "done_bytes": 50, "total_bytes": 200}';
  const step = parseProgress(line);
  expect(step?.message).toBe('fetching x');
  expect(step && percent(step)).toBe(25);
  expect(percent({ stage: 'done', message: 'Done.' })).toBeUndefined();
  for (const other of ['importing ...', 'null', '{"stage": "model"}']) {
    expect(parseProgress(other)).toBeUndefined();
  }
});

test('model menu has what is installed first', () => {
  const model = (name: string, is_here: boolean, bytes: number | null) =>
    ({ name, title: name, licence: 'MIT', note: '', is_here, is_used: is_here, bytes });
  const shown = choices([model('far', false, null), model('here', true, 1.26e9)]);
  expect(shown.map(({ label, description }) => `${label} ${description ?? ''}`.trim())).toEqual([
    'Installed',
    '$(check) here in use, 1.3 GB, MIT',
    '$(folder-opened) A model in another folder…',
    'Download',
    '$(cloud-download) far size unknown, MIT',
  ]);
  expect(size(98362432)).toBe('98 MB');
});

test('failures are phrased for an editor', () => {
  expect(describeFailure('no model at /m/x: run `foretell setup`, or name a bundle')).toBe(
    'The model x is not installed. Set up downloads one.',
  );
  fake.env.remoteName = 'ssh-remote';
  expect(describeFailure('the ONNX Runtime library was not found; run `foretell setup`')).toBe(
    'ONNX Runtime, which runs the model, is not installed on the SSH host. Set up downloads it.',
  );
  expect(describeFailure('out of memory')).toBe('out of memory');
});

test('language has its usual name', () => {
  expect(['python', 'cpp', 'typescriptreact'].map(languageName)).toEqual(['Python', 'C++', 'TypeScript React']);
});
