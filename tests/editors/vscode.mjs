// Drives a real VS Code in a headless browser: sends keys and reads the screen.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const INSTALLED = join(ROOT, 'target', 'editors');
const SCREENS = join(ROOT, 'target', 'screens');
const require = createRequire(join(ROOT, 'editors', 'vscode', 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { default: playwright } = await load('playwright-core');

/** Keeps everything else off the screen, and no statistics; editing has VS Code's defaults. */
export const SETTINGS = {
  'foretell.stats.keep': false,
  'workbench.startupEditor': 'none',
  'workbench.colorTheme': 'Default Dark Modern',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.tips.enabled': false,
  'chat.disableAIFeatures': true,
  'telemetry.telemetryLevel': 'off',
  'security.workspace.trust.startupPrompt': 'never',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'editor.minimap.enabled': false,
  'editor.occurrencesHighlight': 'off',
  'editor.fontFamily': 'DejaVu Sans Mono',
  'git.enabled': false,
  'window.menuBarVisibility': 'hidden',
};

/** The key that requests a suggestion, which is not bound by default. */
const KEYS = [{ key: 'alt+\\', command: 'foretell.trigger' }];

/** For tests with the real model: VS Code inserts no extra text, and there is no threshold. */
const FOR_MODEL = {
  'foretell.suggest.eagerness': 0,
  'editor.autoClosingBrackets': 'never',
  'editor.autoClosingQuotes': 'never',
  'editor.autoIndent': 'none',
  'editor.quickSuggestions': { other: 'off', comments: 'off', strings: 'off' },
  'editor.suggestOnTriggerCharacters': false,
};

/**
 * Runs in the page. `ghost` is all ghost text, and `line` the line with it. `cursor` is the cursor's
 * line without ghost text, and `suggestion` the ghost text in it, with the text between its parts.
 */
export const READ_SCREEN = () => {
  const GHOST = '.ghost-text-decoration, .ghost-text-decoration-preview';
  const text = (node) => node.textContent.replace(/[\u00a0\u00b7]/g, ' ').replace(/\u200b/g, '');
  const all = (nodes) => nodes.map(text).join('');
  const editor = document.querySelector('.editor-group-container.active .editor-instance');
  const find = (selector) => [...(editor?.querySelectorAll(selector) ?? [])];
  const inLine = find(GHOST);
  const below = find('.view-zones .suggest-preview-text .view-line');
  const top = inLine[0]?.closest('.view-line');
  const lines = find('.view-lines > .view-line').sort((a, b) => a.offsetTop - b.offsetTop);
  const cursor = find('.cursors-layer > .cursor')[0];
  const parts = [...(lines.find((it) => it.offsetTop === cursor?.offsetTop)?.firstElementChild?.children ?? [])];
  const isGhost = (it) => it.matches(GHOST);
  return {
    ghost: [all(inLine), ...below.map(text)].join('\n').replace(/^\n$/, '').replace(/\n+$/, ''),
    line: text(top ?? lines.at(-1) ?? document.createElement('p')),
    cursor: all(parts.filter((it) => !isGhost(it))),
    suggestion: parts.some(isGhost) ? all(parts.slice(parts.findIndex(isGhost), parts.findLastIndex(isGhost) + 1)) : '',
    colours: inLine[0] && [getComputedStyle(inLine[0]).color, getComputedStyle(lines[0].querySelector('span span')).color],
  };
};

/**
 * Runs in the page. The offered edit in the active editor: the old text, the new text, and the hint
 * with its line. Empty texts where nothing is drawn.
 */
export const READ_EDIT = () => {
  const text = (it) => it.replace(/[\u00a0\u00b7]/g, ' ').replace(/\u200b/g, '');
  const editor = document.querySelector('.editor-group-container.active .editor-instance');
  const parts = [...(editor?.querySelectorAll('.view-lines > .view-line > span > span') ?? [])];
  const struck = parts.filter((it) => getComputedStyle(it).textDecorationLine === 'line-through');
  const drawn = parts.flatMap((part) => ['::before', '::after'].map((pseudo) => {
    const { content } = getComputedStyle(part, pseudo);
    return { part, text: content.startsWith('"') ? text(JSON.parse(content)) : '' };
  }));
  const hint = drawn.find((it) => it.text.startsWith(' Tab '));
  return {
    removed: struck.map((it) => text(it.textContent)).join(''),
    inserted: drawn.filter((it) => it !== hint).map((it) => it.text).join(''),
    hint: hint?.text.trim() ?? '',
    line: hint ? text(hint.part.closest('.view-line').textContent) : '',
  };
};

export class VSCode {
  /**
   * `files` are the texts of Python files, or texts by file name. Options:
   *
   * - `settings`: the user's; by default those above, for tests with the real model
   * - `untrusted`: further files by path; with them, the workspace is untrusted
   * - `script`: what the scripted server suggests (scripted_server.mjs), in place of the real server
   */
  static async start(files, { settings = { ...SETTINGS, ...FOR_MODEL }, untrusted, script } = {}) {
    const code = new VSCode();
    code.isTrusted = untrusted === undefined;
    code.folder = mkdtempSync(join(tmpdir(), 'foretell-vscode-'));
    code.userData = join(code.folder, 'data');
    code.workspace = join(code.folder, 'work');
    mkdirSync(join(code.userData, 'User'), { recursive: true });
    mkdirSync(code.workspace);
    mkdirSync(SCREENS, { recursive: true });
    const named = Array.isArray(files)
      ? Object.fromEntries(files.map((text, i) => [`numbers_${String(i).padStart(2, '0')}.py`, text]))
      : files;
    code.files = Object.keys(named);
    for (const [name, text] of Object.entries({ ...named, ...untrusted })) {
      mkdirSync(dirname(join(code.workspace, name)), { recursive: true });
      writeFileSync(join(code.workspace, name), text);
    }
    const program = resolve(ROOT, process.env.FORETELL ?? 'target/release/foretell');
    if (!existsSync(program)) {
      throw new Error(`${program} is missing: run \`make build model\` first, or set FORETELL`);
    }
    code.program = script ? code.#scriptedProgram(script, program) : program;
    writeFileSync(join(code.userData, 'User', 'settings.json'), JSON.stringify(settings));
    writeFileSync(join(code.userData, 'User', 'keybindings.json'), JSON.stringify(KEYS));
    mkdirSync(join(code.userData, 'Machine'));
    code.setProgram(code.program);
    try {
      await code.#serve();
      await code.#browse();
    } catch (error) {
      await code.end();
      throw error;
    }
    return code;
  }

  async #serve() {
    const entry = join(INSTALLED, 'code-server', 'node_modules', 'code-server', 'out', 'node', 'entry.js');
    const common = [entry, '--user-data-dir', this.userData, '--extensions-dir', join(this.folder, 'extensions')];
    const unreachable = JSON.stringify({ serviceUrl: 'http://127.0.0.1:9/none' });
    const env = { ...process.env, XDG_CONFIG_HOME: join(this.folder, 'config'), EXTENSIONS_GALLERY: unreachable };
    const vsix = join(INSTALLED, 'foretell.vsix');
    const installed = spawnSync(process.execPath, [...common, '--install-extension', vsix], { env, encoding: 'utf8' });
    if (installed.status !== 0) {
      throw new Error(`cannot install the extension: ${installed.stdout}${installed.stderr}`);
    }
    const args = ['--auth', 'none', '--bind-addr', '127.0.0.1:0', '--disable-telemetry',
      '--disable-update-check', ...(this.isTrusted ? ['--disable-workspace-trust'] : []),
      '--disable-getting-started-override', this.workspace];
    this.server = spawn(process.execPath, [...common, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    this.server.stdout.on('data', (data) => { output += data; });
    this.server.stderr.on('data', (data) => { output += data; });
    this.url = await this.waitFor('code-server', () => {
      if (this.server.exitCode !== null) {
        throw new Error(`code-server ended: ${output}`);
      }
      return /HTTP server listening on (http:\S+)/.exec(output)?.[1];
    }, 240_000).catch((error) => { throw new Error(`${error.message}\n${output}`); });
  }

  async #browse() {
    const fonts = join(this.folder, 'fonts.conf');
    const ttf = join(dirname(require.resolve('dejavu-fonts-ttf/package.json')), 'ttf');
    writeFileSync(fonts, `<?xml version="1.0"?><fontconfig><dir>${ttf}</dir><cachedir>${this.folder}/fc</cachedir></fontconfig>`);
    this.browser = await playwright.chromium.launch({
      executablePath: join(INSTALLED, 'chromium', 'chrome'),
      env: { ...process.env, FONTCONFIG_FILE: fonts },
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking',
        '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1'],
    });
    this.page = await this.browser.newPage({ viewport: { width: 960, height: 540 } });
    this.page.setDefaultTimeout(120_000);
    const url = new URL(`?folder=${encodeURIComponent(this.workspace)}`, this.url).href;
    await this.page.goto(url, { waitUntil: 'domcontentloaded', timeout: 180_000 });
    await this.page.waitForSelector('.explorer-folders-view .monaco-list-row', { timeout: 180_000 });
  }

  // Actions.

  /** Opens the next unused file, with the cursor at its end. */
  openNext() {
    return this.open(this.files.shift());
  }

  /** Opens a file or switches to it, with the cursor at its end. */
  async open(file) {
    await this.switchTo(file);
    await this.#focus();
  }

  /** Opens a file or switches to it, with the cursor where it was. */
  async switchTo(file) {
    this.file = file;
    await this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: this.file }).dblclick();
    await this.page.locator('.tab.active', { hasText: this.file }).waitFor();
  }

  /** Moves the cursor to the end of a line (from 1). */
  async goTo(line) {
    const at = this.page.locator('.statusbar-item', { hasText: `Ln ${line}, ` });
    // The keys go to the previous editor while a file opens.
    await this.waitFor(`line ${line}`, async () => {
      await this.press('Control+g');
      const input = this.page.locator('.quick-input-widget input');
      if (await input.fill(`:${line}:1000`, { timeout: 2_000 }).then(() => true, () => false)) {
        await this.press('Enter');
      }
      return at.waitFor({ timeout: 1_000 }).then(() => true, () => false);
    });
  }

  async #focus() {
    await this.page.locator('.editor-group-container.active .view-lines').first().click();
    await this.press('Control+End');
  }

  /** Types key by key. */
  type(text) {
    return this.page.keyboard.type(text, { delay: 30 });
  }

  press(key) {
    return this.page.keyboard.press(key);
  }

  #status() {
    return this.page.locator('.statusbar-item', { hasText: 'Foretell' });
  }

  async clickStatus() {
    await this.#status().click();
    await this.page.locator('.quick-input-list .monaco-list-row').first().waitFor();
  }

  choices() {
    return this.page.locator('.quick-input-list').innerText().catch(() => '');
  }

  pick(label) {
    return this.page.locator('.quick-input-list .monaco-list-row', { hasText: label }).click();
  }

  async choose(label) {
    await this.pick(label);
    await this.#focus();
  }

  /** `foretell.server.path` has machine scope, so it goes into the machine's settings. */
  setProgram(program) {
    const settings = { 'foretell.server.path': program };
    writeFileSync(join(this.userData, 'Machine', 'settings.json'), JSON.stringify(settings));
  }

  /** A program that never responds. It writes its process id to `<program>.pid`. */
  unresponsiveProgram() {
    const program = join(this.folder, 'unresponsive');
    writeFileSync(program, `#!/bin/sh\necho $$ > ${program}.pid\nexec sleep 1000\n`, { mode: 0o755 });
    return program;
  }

  /** A program that serves the script, and leaves other commands to the `real` one. */
  #scriptedProgram(script, real) {
    const file = join(this.folder, 'script.json');
    writeFileSync(file, JSON.stringify(script));
    const program = join(this.folder, 'scripted');
    const server = join(dirname(fileURLToPath(import.meta.url)), 'scripted_server.mjs');
    const scripted = `exec '${process.execPath}' '${server}' '${file}' "$@"`;
    const others = `case "$1" in serve|setup) ;; *) exec '${real}' "$@";; esac`;
    writeFileSync(program, `#!/bin/sh\n${others}\n${scripted}\n`, { mode: 0o755 });
    return program;
  }

  /** The params of all messages of a method that the scripted server received. */
  received(method) {
    const lines = readFileSync(join(this.folder, 'script.json.log'), 'utf8').trim().split('\n');
    const log = lines.map((line) => JSON.parse(line));
    return log.filter((message) => message.method === method).map((message) => message.params);
  }

  /** Trusts the workspace, on the page that the status bar opens. */
  async trust() {
    await this.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).click();
    await this.page.getByRole('button', { name: 'Trust', exact: true }).click();
  }

  async command(title) {
    const input = this.page.locator('.quick-input-widget input');
    // The key is lost while an earlier menu closes.
    await this.waitFor('the command palette', async () => {
      await this.press('F1');
      return input.fill(`>${title}`, { timeout: 2_000 }).then(() => true, () => false);
    });
    await this.pick(title);
  }

  killServers() {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const isChild = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(this.folder);
        if (isChild && readlinkSync(`/proc/${pid}/exe`) === this.program) {
          process.kill(Number(pid), 'SIGKILL');
        }
      } catch {
        // the process has ended, or belongs to another user
      }
    }
  }

  // Observations.

  async ghost() {
    return (await this.page.evaluate(READ_SCREEN)).ghost;
  }

  async line() {
    return (await this.page.evaluate(READ_SCREEN)).line;
  }

  /** The offered edit on screen. */
  edit() {
    return this.page.evaluate(READ_EDIT);
  }

  /** The tooltip of the status bar item. */
  async statusTooltip() {
    const label = await this.#status().getAttribute('aria-label');
    return label ?? '';
  }

  /** The last announcement to screen readers. */
  async announced() {
    return (await this.page.locator('.monaco-aria-container').allTextContents()).join('\n').replaceAll('\u00a0', ' ');
  }

  /** The text of the pages (webviews) that are open. */
  async pageText() {
    const pages = this.page.frames().filter((frame) => /\/webview\/|fake\.html/.test(frame.url()));
    const texts = pages.map((frame) => frame.locator('body').innerText({ timeout: 1000 }).catch(() => ''));
    return (await Promise.all(texts)).join('\n');
  }

  async colours() {
    return (await this.page.evaluate(READ_SCREEN)).colours;
  }

  /** Saves the document and returns its text. */
  async saved() {
    await this.press('Control+s');
    await this.page.waitForFunction(() => !document.querySelector('.tab.active.dirty'));
    return readFileSync(join(this.workspace, this.file), 'utf8');
  }

  waitForGhost() {
    return this.waitFor('ghost text', () => this.ghost());
  }

  waitForStatus(state) {
    const icons = { loading: 'loading', ready: 'sparkle', off: 'circle-slash', failed: 'warning' };
    return this.waitFor(`the status ${state}`, () =>
      this.#status().locator(`.codicon-${icons[state]}`).count(), 240_000);
  }

  waitForText(text) {
    return this.waitFor(`“${text}”`, async () => (await this.page.locator('body').innerText()).includes(text));
  }

  /**
   * Everything that was on screen while `act` ran, without repetitions: the cursor's `line`, or the
   * `ghost`. After each change of the page, we read it in the next animation frame: VS Code renders
   * lines in animation frames too, and requested its frame before us, so we read what is painted.
   */
  async watch(field, act) {
    await this.page.evaluate(`
      globalThis.seen = [];
      globalThis.look = () => {
        const now = (${READ_SCREEN.toString()})()[${JSON.stringify(field)}];
        if (now !== seen.at(-1)) seen.push(now);
      };
      look();
      globalThis.observer = new MutationObserver(() => requestAnimationFrame(look));
      observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });`);
    await act();
    return this.page.evaluate(() => {
      globalThis.look();
      globalThis.observer.disconnect();
      return globalThis.seen;
    });
  }

  /** Saves a picture of the window, or of a part of it. */
  screenshot(name, clip) {
    return this.page.screenshot({ path: join(SCREENS, `${name}.png`), clip });
  }

  /** Polls until `probe` returns a truthy value. On timeout, fails with a screenshot. */
  async waitFor(what, probe, timeoutMs = 90_000) {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const result = await probe();
      if (result) {
        return result;
      }
      if (Date.now() > end) {
        const name = `vscode-failed-${what.replace(/\W+/g, '-')}`;
        await this.page?.screenshot({ path: join(SCREENS, `${name}.png`) });
        const screen = JSON.stringify(await this.page?.evaluate(READ_SCREEN));
        throw new Error(`waited ${timeoutMs / 1000} s for ${what}; target/screens/${name}.png shows the screen: ${screen}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async end() {
    await this.browser?.close();
    if (this.server?.exitCode === null) {
      process.kill(-this.server.pid, 'SIGKILL');
    }
    if (this.folder) {
      this.killServers();
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}
