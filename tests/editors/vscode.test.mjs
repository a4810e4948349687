// The extension in a real VS Code (code-server), with the real server and the real model.
// usage: node --test vscode.test.mjs      after `make editors`
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import { VSCode } from './vscode.mjs';

const PYTHON = `"""Numbers."""


def is_even(number):
    """Whether a number is even."""
    return number % 2 == 0


def is_odd(number):
    """Whether a number is odd."""
`;

/** Waits a fixed time, to check that nothing happens: there is no event for that. */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let code;
before(async () => {
  code = await VSCode.start(Array(16).fill(PYTHON));
  await code.openNext();
  await code.waitForStatus('ready');
});
after(() => code?.end());

// Each test starts at the end of a new file.
beforeEach(() => code.openNext());

test('suggestion is grey and not in the document', async () => {
  await code.type('    return num');
  const ghost = await code.waitForGhost();
  assert.match(ghost, /^ber/);
  const [ghostColour, textColour] = await code.colours();
  assert.notEqual(ghostColour, textColour);
  await code.waitFor('the document without the suggestion', async () => (await code.saved()) === `${PYTHON}    return num`);
});

test('typing into a suggestion keeps it on screen', async () => {
  await code.type('    return num');
  const ghost = await code.waitForGhost();
  const frames = await code.watch('line', async () => {
    for (const key of ghost.split('\n')[0].slice(0, 6)) {
      await code.type(key);
    }
    await code.waitFor('the keys', async () => (await code.line()).includes(`return num${ghost.slice(0, 6)}`));
  });
  const whole = `    return num${ghost.split('\n')[0]}`;
  assert.deepEqual(frames.filter((line) => line.startsWith('    return num') && !line.startsWith(whole)), []);
});

test('contradicting key clears the suggestion', async () => {
  await code.type('    return num');
  await code.waitForGhost();
  const seen = await code.watch('line', async () => {
    await code.type('~');
    await code.waitFor('the key', async () => (await code.line()).includes('~'));
  });
  assert.deepEqual(seen.filter((line) => line.includes('~ber')), []);
});

test('Tab accepts and undo restores the text', async () => {
  await code.type('    return num');
  const ghost = await code.waitForGhost();
  await code.press('Tab');
  await code.waitFor('the text', async () => (await code.saved()).startsWith(`${PYTHON}    return num${ghost.split('\n')[0]}`));
  await code.press('Control+z');
  await code.waitFor('the undo', async () => (await code.saved()) === `${PYTHON}    return num`);
});

test('accepting a word keeps the rest on screen', async () => {
  await code.type('    return num');
  const ghost = await code.waitForGhost();
  await code.press('Control+ArrowRight');
  await code.waitFor('the word', async () => (await code.saved()) === `${PYTHON}    return number`);
  await code.waitFor('the rest', async () => (await code.line()).startsWith(`    return num${ghost.split('\n')[0]}`));
});

test('Escape dismisses the suggestion', async () => {
  await code.type('    return num');
  await code.waitForGhost();
  await code.press('Escape');
  await code.waitFor('no ghost text', async () => (await code.ghost()) === '');
});

test('Escape stops a growing suggestion', async () => {
  await code.type('    return number % 2 == 1\n\n\ndef fibonacci(n):\n');
  await code.waitForGhost();
  await code.press('Escape');
  await code.waitFor('no ghost text', async () => (await code.ghost()) === '');
  const seen = await code.watch('ghost', () => sleep(1000));
  assert.deepEqual(seen, ['']);
});

test('growing suggestion never shrinks', async () => {
  await code.type('    return number % 2 == 1\n\n\ndef gcd(a, b)');
  const seen = await code.watch('ghost', async () => {
    await code.type(':\n');
    await code.waitFor('several lines', async () => /\n.*\n[^]*return \w/.test(await code.ghost()));
  });
  await code.screenshot('vscode');
  const texts = seen.slice(seen.findLastIndex((text) => text === '') + 1);
  assert.ok(texts.length >= 3, 'the suggestion grows more than once');
  texts.slice(1).forEach((text, i) => { assert.ok(text.startsWith(texts[i]), `${texts[i]} → ${text}`); });
});

test('each file has its own suggestion', async () => {
  await code.type('    return num');
  const first = await code.waitForGhost();
  await code.openNext();
  await code.type('\n\ndef first_line(path):\n    return open(pa');
  assert.notEqual(await code.waitForGhost(), first);
});

test('status menu turns a language off and on', async () => {
  await code.clickStatus();
  await code.choose('Turn off for Python');
  await code.waitForStatus('off');
  await code.type('    return num');
  await sleep(1000);
  assert.equal(await code.ghost(), '');
  await code.clickStatus();
  await code.choose('Turn on for Python');
  await code.waitForStatus('ready');
});

test('status menu starts with the model, and lists the installed ones', async () => {
  await code.type('    return num');
  await code.waitForGhost();
  await code.clickStatus();
  assert.match(await code.choices(), /^ ?Qwen2\.5[^\n]* 0\.5B[^\n]*CPU, \d+ thread[^]*First words typically after/);
  await code.screenshot('vscode-menu');
  await code.pick('Select another model');
  await code.waitFor('the model in use', async () => /in use[^]*qwen/.test(await code.choices()));
  await code.press('Escape');
});

test('killed server restarts', async () => {
  code.killServers();
  await code.waitForStatus('loading');
  await code.waitForStatus('ready');
  await code.type('    return num');
  assert.match(await code.waitForGhost(), /^ber/);
});

test('missing server is reported', async () => {
  code.setProgram('/nowhere/foretell');
  await code.waitForStatus('failed');
  await code.waitForText('The program foretell is not installed on the remote machine');
  await code.screenshot('vscode-missing');
  code.setProgram(code.program);
  await code.waitForStatus('ready');
});

test('unresponsive server is replaced', async () => {
  const program = code.unresponsiveProgram();
  code.setProgram(program);
  const pid = await code.waitFor('the pid file', () => existsSync(`${program}.pid`) && readFileSync(`${program}.pid`, 'utf8').trim());
  await code.waitForStatus('loading');
  code.setProgram(code.program);
  await code.waitForStatus('ready');
  await code.waitFor('the end of the process', () => !existsSync(`/proc/${pid}`));
});
