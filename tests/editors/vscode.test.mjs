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

/** Where nothing is what is waited for, there is no event. */
const quiet = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let code;
before(async () => {
  code = await VSCode.start(Array(16).fill(PYTHON));
  await code.openNext();
  await code.waitForStatus('ready');
});
after(() => code?.end());

// Each test begins at the end of a file of its own.
beforeEach(() => code.openNext());

test('a suggestion is grey and not in the document', async () => {
  await code.type('    return num');
  const ghost = await code.waitForGhost();
  assert.match(ghost, /^ber/);
  const [ghostColour, textColour] = await code.colours();
  assert.notEqual(ghostColour, textColour);
  await code.waitFor('the document without it', async () => (await code.saved()) === `${PYTHON}    return num`);
});

test('typing into it keeps it on the screen', async () => {
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

test('typing against it clears it', async () => {
  await code.type('    return num');
  await code.waitForGhost();
  const seen = await code.watch('line', async () => {
    await code.type('~');
    await code.waitFor('the key', async () => (await code.line()).includes('~'));
  });
  assert.deepEqual(seen.filter((line) => line.includes('~ber')), []);
});

test('Tab accepts, and undo gives the text before', async () => {
  await code.type('    return num');
  const ghost = await code.waitForGhost();
  await code.press('Tab');
  await code.waitFor('the text', async () => (await code.saved()).startsWith(`${PYTHON}    return num${ghost.split('\n')[0]}`));
  await code.press('Control+z');
  await code.waitFor('the undo', async () => (await code.saved()) === `${PYTHON}    return num`);
});

test('a word is accepted and the rest stays', async () => {
  await code.type('    return num');
  const ghost = await code.waitForGhost();
  await code.press('Control+ArrowRight');
  await code.waitFor('the word', async () => (await code.saved()) === `${PYTHON}    return number`);
  await code.waitFor('the rest', async () => (await code.line()).startsWith(`    return num${ghost.split('\n')[0]}`));
});

test('Escape dismisses it', async () => {
  await code.type('    return num');
  await code.waitForGhost();
  await code.press('Escape');
  await code.waitFor('no grey text', async () => (await code.ghost()) === '');
});

test('Escape takes it away for good while it grows', async () => {
  await code.type('    return number % 2 == 1\n\n\ndef fibonacci(n):\n');
  await code.waitForGhost();
  await code.press('Escape');
  await code.waitFor('no grey text', async () => (await code.ghost()) === '');
  const seen = await code.watch('ghost', () => quiet(1000));
  assert.deepEqual(seen, ['']);
});

test('it grows while the model writes, and nothing of it goes', async () => {
  await code.type('    return number % 2 == 1\n\n\ndef gcd(a, b)');
  const seen = await code.watch('ghost', async () => {
    await code.type(':\n');
    await code.waitFor('several lines', async () => /\n.*\n[^]*return \w/.test(await code.ghost()));
  });
  await code.picture('vscode');
  const texts = seen.slice(seen.findLastIndex((text) => text === '') + 1);
  assert.ok(texts.length >= 3, 'it grows more than once');
  texts.slice(1).forEach((text, i) => { assert.ok(text.startsWith(texts[i]), `${texts[i]} → ${text}`); });
});

test('two files have their own', async () => {
  await code.type('    return num');
  const first = await code.waitForGhost();
  await code.openNext();
  await code.type('\n\ndef first_line(path):\n    return open(pa');
  assert.notEqual(await code.waitForGhost(), first);
});

test('the status bar has a menu, and turning off is honoured', async () => {
  await code.clickStatus();
  await code.picture('vscode-menu');
  await code.choose('Turn off for python');
  await code.waitForStatus('off');
  await code.type('    return num');
  await quiet(1000);
  assert.equal(await code.ghost(), '');
  await code.clickStatus();
  await code.choose('Turn on for python');
  await code.waitForStatus('ready');
});

test('a model is chosen from those that are there', async () => {
  await code.clickStatus();
  await code.pick('Select a model');
  await code.waitFor('its name', async () => /qwen[^]*in use/.test(await code.choices()));
  await code.press('Escape');
});

test('a server that is killed comes back', async () => {
  code.killServers();
  await code.waitForStatus('loading');
  await code.waitForStatus('ready');
  await code.type('    return num');
  assert.match(await code.waitForGhost(), /^ber/);
});

test('a missing server gives the message', async () => {
  code.setProgram('/nowhere/foretell');
  await code.waitForStatus('failed');
  await code.waitForText('cannot find the program `foretell`');
  await code.picture('vscode-missing');
  code.setProgram(code.program);
  await code.waitForStatus('ready');
});

test('a program that never answers is ended, and gives way to the right one', async () => {
  const mute = code.muteProgram();
  code.setProgram(mute);
  const pid = await code.waitFor('its start', () => existsSync(`${mute}.pid`) && readFileSync(`${mute}.pid`, 'utf8').trim());
  await code.waitForStatus('loading');
  code.setProgram(code.program);
  await code.waitForStatus('ready');
  await code.waitFor('its end', () => !existsSync(`/proc/${pid}`));
});
