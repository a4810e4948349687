// The program `foretell` with scripted suggestions, for tests of the races between keys and updates.
// usage: node scripted_server.mjs SCRIPT.json [serve | setup]
//
// The script contains, by file name, the text that the user types. The server suggests the rest of
// it: first a word or two, then more in updates at random times (reproducible by `seed`), even
// while the user types into it. `edits` contains, by file name, the next edit, which the server offers
// after each change. It follows the rules of docs/protocol.md.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

const [file, command] = process.argv.slice(2);
const { needsSetup = false, reason, texts = {}, edits = {}, seed = 1, firstMs = [5, 90], updateMs = [16, 90], aheadLines = 3 } = JSON.parse(readFileSync(file, 'utf8'));
/** Written by `setup`; without it, a script with `needsSetup` has no model. */
const installed = `${file}.installed`;

/** Mulberry32, a small generator of pseudorandom numbers. */
let state = seed;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};
const between = ([from, to]) => from + random() * (to - from);

function send(message) {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  process.stdout.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** Open documents by URI: `text`, `version`, `script`, and how much of the script was generated. */
const documents = new Map();
/** Whether the client accepts updates. Without them, a response contains the whole suggestion. */
let isStreaming = true;
/** The last request, as long as it may get updates. */
let current;

function offsetAt(text, { line, character }) {
  let offset = 0;
  for (let i = 0; i < line; i += 1) {
    offset = text.indexOf('\n', offset) + 1;
  }
  return offset + character;
}

/**
 * Which part of a suggestion is shown, and how many of the closers that the editor inserted after the
 * cursor it replaces: those that the suggestion closes itself, unless it ends with them.
 */
function fit(suggestion, after) {
  const closers = { '(': ')', '[': ']', '{': '}' };
  const open = [];
  let [replaced, end] = [0, 0];
  for (let i = 0; i < suggestion.length && replaced < after.length; i += 1) {
    const char = suggestion[i];
    if (char === open.at(-1)) {
      open.pop();
    } else if (char === after[replaced]) {
      replaced += 1;
      end = i + 1;
    } else if (char in closers) {
      open.push(closers[char]);
    }
  }
  const isAtEnd = replaced > 0 && end === suggestion.length;
  let trailing = 0;
  while (isAtEnd && trailing < replaced && suggestion.at(-1 - trailing) === after[replaced - 1 - trailing]) {
    trailing += 1;
  }
  return { insertText: suggestion.slice(0, suggestion.length - trailing), replaced: replaced - trailing };
}

/** The item at a position; it starts with the selected item of the suggest widget, if that agrees. */
function itemAt(document, position, selected) {
  if (selected) {
    const start = document.typed(offsetAt(document.text, selected.range.start));
    const insertText = document.script.slice(start).split('\n')[0];
    return insertText.startsWith(selected.text) && { insertText, range: selected.range };
  }
  const offset = offsetAt(document.text, position);
  const suggestion = document.script.slice(document.typed(offset), document.generated);
  const after = document.text.slice(offset).split('\n')[0];
  const { insertText, replaced } = fit(suggestion, after);
  const end = { line: position.line, character: position.character + replaced };
  return insertText && { insertText, range: { start: position, end } };
}

/** Generates one more piece of the current request's text, and sends it as response or update. */
function generate(request) {
  if (request !== current) {
    return;
  }
  const { document, position, version } = request;
  const typed = document.typed(offsetAt(document.text, position));
  const limit = document.script.split('\n').slice(0, document.script.slice(0, typed).split('\n').length + aheadLines).join('\n').length;
  const piece = /^\s*(\w+|\W)/.exec(document.script.slice(document.generated))?.[0].length ?? 0;
  document.generated = Math.max(document.generated, Math.min(limit, document.generated + piece));
  const done = document.generated >= limit;
  const item = itemAt(document, position, request.selected);
  if (!request.answered && item && (isStreaming || done)) {
    respond(request, [item]);
  } else if (item && isStreaming) {
    send({ method: 'foretell/inlineCompletion/update', params: { textDocument: { uri: document.uri, version }, position, item, done } });
  }
  if (!done) {
    setTimeout(generate, between(updateMs), request);
  } else if (!request.answered) {
    respond(request, []);
    if (reason) {
      send({ method: 'foretell/status', params: { state: 'ready', reason } });
    }
  }
}

function respond(request, items) {
  request.answered = true;
  send({ id: request.id, result: { items } });
}

function cancel(request) {
  if (request && !request.answered) {
    request.answered = true;
    send({ id: request.id, error: { code: -32800, message: 'superseded' } });
  }
  if (request === current) {
    current = undefined;
  }
}

const handlers = {
  initialize: ({ id, params: { initializationOptions } }) => {
    isStreaming = initializationOptions.streaming;
    send({ id, result: { capabilities: { textDocumentSync: 2, inlineCompletionProvider: {} } } });
    const isMissing = needsSetup && !existsSync(installed);
    const message = 'no model at /models/small: run `foretell setup`, or name a bundle\'s folder with --model';
    send({ method: 'foretell/status', params: isMissing ? { state: 'failed', message } : { state: 'ready' } });
  },
  'workspace/executeCommand': ({ id }) => {
    const counts = { offers: 8, accepted: { whole: 4, partly: 1, chars: 210 }, probability: { accepted: { 9: 4 }, dismissed: { 8: 1 } }, first_text_ms: { 56: 1 } };
    send({ id, result: { page: 'requests    9\n', counts } });
  },
  shutdown: ({ id }) => { send({ id, result: null }); },
  exit: () => { process.exit(0); },
  'textDocument/didOpen': ({ params: { textDocument: { uri, text, version } } }) => {
    const script = texts[uri.split('/').at(-1)] ?? '';
    // The editor indents an empty line, until Enter deletes that. What it inserts after the cursor
    // (closing brackets) is not part of what was typed.
    const typed = (offset) => {
      const before = documents.get(uri).text.slice(0, offset);
      const trimmed = before.replace(/\n +$/, '\n');
      if (script.startsWith(before)) {
        return offset;
      }
      return script.startsWith(`${trimmed}\n`) ? trimmed.length : script.length;
    };
    documents.set(uri, { uri, text, version, script, typed, generated: 0 });
  },
  'textDocument/didChange': ({ params: { textDocument: { uri, version }, contentChanges } }) => {
    const document = documents.get(uri);
    for (const { range, text } of contentChanges) {
      const [start, end] = [offsetAt(document.text, range.start), offsetAt(document.text, range.end)];
      document.text = document.text.slice(0, start) + text + document.text.slice(end);
    }
    document.version = version;
    cancel(current);
    const edit = edits[uri.split('/').at(-1)];
    if (edit) {
      const command = { command: 'foretell.acceptEdit', arguments: [version] };
      send({ method: 'foretell/nextEdit', params: { edits: [{ ...edit, textDocument: { uri, version }, command }] } });
    }
  },
  'textDocument/inlineCompletion': ({ id, params: { textDocument: { uri }, position, context } }) => {
    cancel(current);
    const document = documents.get(uri);
    const typed = document.typed(offsetAt(document.text, position));
    const selected = context.selectedCompletionInfo;
    current = { id, document, position, version: document.version, selected };
    if (document.generated <= typed) {
      document.generated = typed;
      setTimeout(generate, between(firstMs), current);
    } else {
      respond(current, [itemAt(document, position, selected)].filter(Boolean));
      setTimeout(generate, between(updateMs), current);
    }
  },
  '$/cancelRequest': ({ params: { id } }) => {
    if (current?.id === id) {
      cancel(current);
    }
  },
};

/**
 * Pretends to download, with the progress lines of the real program. The first time, it stops at
 * 10 %, so that the user can cancel it.
 */
async function setUp() {
  const begun = `${file}.begun`;
  const isFirst = !existsSync(begun);
  writeFileSync(begun, '');
  for (let percent = 0; percent <= 100; percent += 10) {
    console.error(`small: ${percent} %`);
    await new Promise((resolve) => setTimeout(resolve, isFirst && percent === 10 ? 600_000 : 150));
  }
  writeFileSync(installed, '');
}

function serve() {
  let input = Buffer.alloc(0);
  process.stdin.on('data', (data) => {
    input = Buffer.concat([input, data]);
    for (;;) {
      const head = input.indexOf('\r\n\r\n');
      const length = head < 0 ? Infinity : Number(/Content-Length: (\d+)/i.exec(input.toString('latin1', 0, head))[1]);
      if (input.length < head + 4 + length) {
        return;
      }
      const message = JSON.parse(input.toString('utf8', head + 4, head + 4 + length));
      input = input.subarray(head + 4 + length);
      appendFileSync(`${file}.log`, `${JSON.stringify({ method: message.method, params: message.params })}\n`);
      handlers[message.method]?.(message);
    }
  });
  process.stdin.on('end', () => process.exit(0));
}

await (command === 'setup' ? setUp() : serve());
