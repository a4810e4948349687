// A real VS Code in a headless browser: keys go in, what is on the screen comes out.
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

const SETTINGS = {
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
  'editor.autoClosingBrackets': 'never',
  'editor.autoClosingQuotes': 'never',
  'editor.autoIndent': 'none',
  'editor.quickSuggestions': { other: 'off', comments: 'off', strings: 'off' },
  'editor.suggestOnTriggerCharacters': false,
  'editor.occurrencesHighlight': 'off',
  'editor.fontFamily': 'DejaVu Sans Mono',
  'git.enabled': false,
  'window.menuBarVisibility': 'hidden',
};

/** What is in the page: the cursor's line with its grey text, and all the grey text. */
const READ = () => {
  const text = (node) => node.textContent.replace(/[\u00a0\u00b7]/g, ' ').replace(/\u200b/g, '');
  const editor = document.querySelector('.editor-group-container.active .editor-instance');
  const inLine = [...(editor?.querySelectorAll('.ghost-text-decoration, .ghost-text-decoration-preview') ?? [])];
  const below = [...(editor?.querySelectorAll('.view-zones .suggest-preview-text .view-line') ?? [])];
  const top = inLine[0]?.closest('.view-line');
  const lines = [...(editor?.querySelectorAll('.view-lines > .view-line') ?? [])]
    .sort((a, b) => a.offsetTop - b.offsetTop);
  return {
    ghost: [inLine.map(text).join(''), ...below.map(text)].join('\n').replace(/^\n$/, '').replace(/\n+$/, ''),
    line: text(top ?? lines.at(-1) ?? document.createElement('p')),
    colours: inLine[0] && [getComputedStyle(inLine[0]).color, getComputedStyle(lines[0].querySelector('span span')).color],
  };
};

export class VSCode {
  /** `own` are settings files of the workspace, by name; with them it is not trusted. */
  static async start(files, own) {
    const code = new VSCode();
    code.isTrusted = own === undefined;
    code.folder = mkdtempSync(join(tmpdir(), 'foretell-vscode-'));
    code.userData = join(code.folder, 'data');
    code.workspace = join(code.folder, 'work');
    mkdirSync(join(code.userData, 'User'), { recursive: true });
    mkdirSync(code.workspace);
    mkdirSync(SCREENS, { recursive: true });
    code.files = files.map((_, i) => `numbers_${String(i).padStart(2, '0')}.py`);
    files.forEach((text, i) => { writeFileSync(join(code.workspace, code.files[i]), text); });
    for (const [name, text] of Object.entries(own ?? {})) {
      mkdirSync(dirname(join(code.workspace, name)), { recursive: true });
      writeFileSync(join(code.workspace, name), text);
    }
    const program = resolve(ROOT, process.env.FORETELL ?? 'target/release/foretell');
    if (!existsSync(program)) {
      throw new Error(`${program} is missing: run \`make build model\` first, or set FORETELL`);
    }
    code.program = program;
    writeFileSync(join(code.userData, 'User', 'settings.json'), JSON.stringify(SETTINGS));
    mkdirSync(join(code.userData, 'Machine'));
    code.setProgram(program);
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
    const dead = JSON.stringify({ serviceUrl: 'http://127.0.0.1:9/none' });
    const env = { ...process.env, XDG_CONFIG_HOME: join(this.folder, 'config'), EXTENSIONS_GALLERY: dead };
    const vsix = join(INSTALLED, 'foretell.vsix');
    const installed = spawnSync(process.execPath, [...common, '--install-extension', vsix], { env, encoding: 'utf8' });
    if (installed.status !== 0) {
      throw new Error(`the extension could not be installed: ${installed.stdout}${installed.stderr}`);
    }
    const args = ['--auth', 'none', '--bind-addr', '127.0.0.1:0', '--disable-telemetry',
      '--disable-update-check', ...(this.isTrusted ? ['--disable-workspace-trust'] : []),
      '--disable-getting-started-override', this.workspace];
    this.server = spawn(process.execPath, [...common, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let said = '';
    this.server.stdout.on('data', (data) => { said += data; });
    this.server.stderr.on('data', (data) => { said += data; });
    this.url = await this.waitFor('code-server', () => {
      if (this.server.exitCode !== null) {
        throw new Error(`code-server ended: ${said}`);
      }
      return /HTTP server listening on (http:\S+)/.exec(said)?.[1];
    }, 240_000).catch((error) => { throw new Error(`${error.message}\n${said}`); });
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

  // The user's hands.

  /** Opens the next file that has not been used, with the cursor at its end. */
  async openNext() {
    this.file = this.files.shift();
    await this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: this.file }).dblclick();
    await this.page.locator('.tab.active', { hasText: this.file }).waitFor();
    await this.#focus();
  }

  async #focus() {
    await this.page.locator('.editor-group-container.active .view-lines').first().click();
    await this.press('Control+End');
  }

  /** Types as a person does, key by key. */
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

  /** Which program is run is a setting of the machine, not of the user or the workspace. */
  setProgram(program) {
    const settings = { 'foretell.server.path': program };
    writeFileSync(join(this.userData, 'Machine', 'settings.json'), JSON.stringify(settings));
  }

  /** A program that runs and never says a word; it writes its id into a file first. */
  muteProgram() {
    const program = join(this.folder, 'mute');
    writeFileSync(program, `#!/bin/sh\necho $$ > ${program}.pid\nexec sleep 1000\n`, { mode: 0o755 });
    return program;
  }

  /** Has the workspace trusted, by the page that the status bar leads to. */
  async trust() {
    await this.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).click();
    await this.page.getByRole('button', { name: 'Trust', exact: true }).click();
  }

  killServers() {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(this.folder);
        if (isOurs && readlinkSync(`/proc/${pid}/exe`) === this.program) {
          process.kill(Number(pid), 'SIGKILL');
        }
      } catch {
        // it has ended, or it is not ours to look at
      }
    }
  }

  // The user's eyes.

  async ghost() {
    return (await this.page.evaluate(READ)).ghost;
  }

  async line() {
    return (await this.page.evaluate(READ)).line;
  }

  async colours() {
    return (await this.page.evaluate(READ)).colours;
  }

  /** What is in the document, by saving it. */
  async saved() {
    await this.press('Control+s');
    await this.page.waitForFunction(() => !document.querySelector('.tab.active.dirty'));
    return readFileSync(join(this.workspace, this.file), 'utf8');
  }

  waitForGhost() {
    return this.waitFor('grey text', () => this.ghost());
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
   * What was to be seen while `act` ran, without repetitions: the cursor's `line`, or the `ghost`.
   * After each change of the page we look at the end of the next frame's drawing: VS Code draws lines
   * in frames too, and has asked for its frame before us, so this is what is painted.
   */
  async watch(what, act) {
    await this.page.evaluate(`
      globalThis.seen = [];
      globalThis.look = () => {
        const now = (${READ.toString()})()[${JSON.stringify(what)}];
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

  picture(name) {
    return this.page.screenshot({ path: join(SCREENS, `${name}.png`) });
  }

  /** Waits for a thing to be seen; fails with a picture of what was there instead. */
  async waitFor(what, found, timeoutMs = 90_000) {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const result = await found();
      if (result) {
        return result;
      }
      if (Date.now() > end) {
        const name = `vscode-failed-${what.replace(/\W+/g, '-')}`;
        await this.page?.screenshot({ path: join(SCREENS, `${name}.png`) });
        const there = JSON.stringify(await this.page?.evaluate(READ));
        throw new Error(`waited ${timeoutMs / 1000} s for ${what}; target/screens/${name}.png shows what was there: ${there}`);
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
