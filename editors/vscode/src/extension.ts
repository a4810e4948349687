/** Ghost text from a code model on this machine. */
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { canRetrigger } from './retrigger';
import { locate } from './locate';
import { modelNames, modelsFolder } from './models';
import { statsPage } from './statsPage';
import { Server } from './server';
import { isInLanguages, isOn, serverSettings, write, type Languages } from './settings';
import { Status } from './status';

const MISSING =
  'the program `foretell` is not there. Install it (`make install` in its source), or choose where it is.';

class Extension {
  private readonly log = vscode.window.createOutputChannel('Foretell', { log: true });
  private readonly status = new Status();
  private readonly settingNames: string[];
  private server: Server | undefined;
  private program: string | undefined;
  /** What is done to the server, one thing after the other. */
  private change: Promise<void> = Promise.resolve();

  constructor(private readonly context: vscode.ExtensionContext) {
    const manifest = context.extension.packageJSON as {
      contributes: { configuration: { properties: Record<string, unknown> }[] };
    };
    this.settingNames = manifest.contributes.configuration
      .flatMap((group) => Object.keys(group.properties))
      .map((name) => name.replace(/^foretell\./, ''));

    const commands: Record<string, () => unknown> = {
      'foretell.menu': () => this.menu(),
      'foretell.toggle': () => this.toggle(),
      'foretell.toggleLanguage': () => this.toggleLanguage(),
      'foretell.trigger': () => vscode.commands.executeCommand('editor.action.inlineSuggest.trigger'),
      'foretell.dismiss': () => this.dismiss(),
      'foretell.restart': () => this.restart(),
      'foretell.chooseModel': () => this.chooseModel(),
      'foretell.chooseProgram': () => this.chooseProgram(),
      'foretell.showStats': () => this.showStats(),
      'foretell.showLog': () => { this.log.show(); },
      'foretell.doctor': () => { this.doctor(); },
    };
    context.subscriptions.push(
      this.log,
      this.status,
      ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(name, run)),
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        this.server?.focus(editor);
        this.draw();
      }),
      vscode.workspace.onDidChangeConfiguration((event) => this.configured(event)),
      // The server is told whether it may read the workspace's foretell.toml when it starts.
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.restart()),
    );
  }

  /** Starts the server, in place of the one that runs. */
  restart(): Promise<void> {
    return this.inTurn(async () => {
      await this.stopServer();
      this.startServer();
    });
  }

  stop(): Promise<void> {
    return this.inTurn(() => this.stopServer());
  }

  private inTurn(run: () => Promise<void>): Promise<void> {
    this.change = this.change.then(run, run);
    return this.change;
  }

  private async stopServer(): Promise<void> {
    const server = this.server;
    this.server = undefined; // what it says from now on does not count
    await server?.stop();
  }

  private startServer(): void {
    const configuration = vscode.workspace.getConfiguration('foretell');
    this.program = locate({
      setting: configuration.get('server.path', ''),
      extension: this.context.extensionPath,
      path: process.env['PATH'] ?? '',
      home: homedir(),
    });
    if (!this.program) {
      this.setStatus('failed', MISSING);
      this.sayMissing();
      return;
    }
    this.setStatus('loading');
    const server = new Server({
      program: this.program,
      settings: () => serverSettings(this.settingNames),
      streaming: configuration.get<boolean>('streaming', true) && canRetrigger(vscode.version),
      log: this.log,
      onStatus: (state, message, remote) => {
        if (this.server === server) {
          this.setStatus(state, message, remote);
        }
      },
    });
    this.server = server;
    void this.launch(server, this.program);
  }

  /** Waits for the server's first answer, which may never come. */
  private async launch(server: Server, program: string): Promise<void> {
    try {
      await server.client.start();
      server.focus(vscode.window.activeTextEditor);
      this.noteOtherExtensions();
    } catch (error) {
      if (this.server === server) {
        this.setStatus('failed', `${program} did not start: ${String(error)}`);
      }
    }
  }

  private sayMissing(): void {
    void vscode.window
      .showWarningMessage(`Foretell: ${MISSING}`, 'Select the program…', 'Try again')
      .then((choice) => {
        if (choice) {
          void (choice === 'Try again' ? this.restart() : this.chooseProgram());
        }
      });
  }

  private setStatus(state: Parameters<Status['set']>[0], message?: string, remote?: string): void {
    const before = this.status.failure;
    this.status.set(state, message, remote);
    this.draw();
    const failure = this.status.failure;
    if (failure && failure !== before && failure !== MISSING) {
      void vscode.window.showWarningMessage(`Foretell: ${failure}`, 'Doctor', 'Log').then((choice) => {
        if (choice) {
          void vscode.commands.executeCommand(choice === 'Log' ? 'foretell.showLog' : 'foretell.doctor');
        }
      });
    }
  }

  private draw(): void {
    this.status.draw(!isOn(vscode.window.activeTextEditor?.document.languageId ?? ''));
  }

  private async configured(event: vscode.ConfigurationChangeEvent): Promise<void> {
    if (event.affectsConfiguration('foretell.server.path') || event.affectsConfiguration('foretell.streaming')) {
      await this.restart();
    } else if (event.affectsConfiguration('foretell') && this.server?.client.isRunning()) {
      const settings = { foretell: serverSettings(this.settingNames) };
      await this.server.client.sendNotification('workspace/didChangeConfiguration', { settings });
    }
    this.draw();
  }

  /** Whoever wrote what is on the screen: VS Code runs no other command for the key. */
  private async dismiss(): Promise<void> {
    this.server?.stopGrowing();
    await vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
  }

  private async toggle(): Promise<void> {
    const suggest = vscode.workspace.getConfiguration('foretell.suggest');
    await write('suggest.enabled', !suggest.get<boolean>('enabled', true));
  }

  private async toggleLanguage(): Promise<void> {
    const language = vscode.window.activeTextEditor?.document.languageId;
    if (language) {
      const suggest = vscode.workspace.getConfiguration('foretell.suggest');
      const languages = { ...suggest.get<Languages>('languages', {}) };
      languages[language] = !isInLanguages(languages, language);
      await write('suggest.languages', languages);
    }
  }

  private async menu(): Promise<void> {
    const language = vscode.window.activeTextEditor?.document.languageId;
    const enabled = vscode.workspace.getConfiguration('foretell.suggest').get<boolean>('enabled', true);
    const entry = (label: string, command: string, detail?: string) => ({ label, command, detail });
    const entries = [
      ...(this.program ? [] : [entry('$(folder-opened) Select the program…', 'foretell.chooseProgram')]),
      entry(enabled ? '$(circle-slash) Turn off' : '$(sparkle) Turn on', 'foretell.toggle'),
      ...(language && enabled
        ? [entry(`$(code) Turn ${isOn(language) ? 'off' : 'on'} for ${language}`, 'foretell.toggleLanguage')]
        : []),
      entry('$(package) Select a model…', 'foretell.chooseModel'),
      entry('$(graph) Statistics', 'foretell.showStats'),
      entry('$(output) Log', 'foretell.showLog'),
      entry('$(pulse) Doctor', 'foretell.doctor', 'Check the library, the model and your settings'),
      entry('$(debug-restart) Restart the server', 'foretell.restart'),
    ];
    const chosen = await vscode.window.showQuickPick(entries, {
      title: 'Foretell',
      placeHolder: this.status.failure ?? 'Select an action',
    });
    if (chosen) {
      await vscode.commands.executeCommand(chosen.command);
    }
  }

  private async chooseModel(): Promise<void> {
    const model = vscode.workspace.getConfiguration('foretell.model');
    const folder = modelsFolder(process.env, homedir());
    const now = model.get('name', '');
    const entries = modelNames(folder).map((name) => ({ label: name, description: name === now ? 'in use' : '' }));
    const other = { label: '$(folder-opened) A bundle in another folder…', description: '' };
    const chosen = await vscode.window.showQuickPick([...entries, other], {
      title: 'Foretell: select a model',
      placeHolder: entries.length ? folder : `No models in ${folder}: run \`foretell setup\``,
    });
    const name = chosen === other ? await this.chooseFolder() : chosen?.label;
    if (name) {
      await write('model.name', name);
    }
  }

  private async chooseFolder(): Promise<string | undefined> {
    const options = { title: 'Select a bundle folder', canSelectFiles: false, canSelectFolders: true };
    return (await vscode.window.showOpenDialog(options))?.[0]?.fsPath;
  }

  private async chooseProgram(): Promise<void> {
    const [file] = (await vscode.window.showOpenDialog({ title: 'Select the program foretell', canSelectMany: false })) ?? [];
    if (file) {
      await write('server.path', file.fsPath);
    }
  }

  private async showStats(): Promise<void> {
    try {
      const stats: unknown = await this.server?.client.sendRequest('workspace/executeCommand', {
        command: 'foretell.stats',
      });
      const document = await vscode.workspace.openTextDocument({ language: 'markdown', content: statsPage(stats) });
      await vscode.commands.executeCommand('markdown.showPreview', document.uri);
    } catch (error) {
      void vscode.window.showWarningMessage(`Foretell: cannot read the statistics: ${String(error)}`);
    }
  }

  private doctor(): void {
    if (!this.program) {
      this.sayMissing();
      return;
    }
    const terminal = vscode.window.createTerminal({ name: 'Foretell', shellPath: this.program, shellArgs: ['doctor'] });
    terminal.show();
  }

  /** VS Code shows one suggestion at a time: with a second extension, either may win. */
  private noteOtherExtensions(): void {
    const other = ['GitHub.copilot', 'GitHub.copilot-chat'].find((id) => vscode.extensions.getExtension(id));
    if (other && !this.context.globalState.get('foretell.noted')) {
      void this.context.globalState.update('foretell.noted', true);
      void vscode.window
        .showInformationMessage(
          'Foretell: GitHub Copilot is installed too. Turn off its inline suggestions to see Foretell’s.',
          'Open the setting',
        )
        .then((choice) => {
          if (choice) {
            void vscode.commands.executeCommand('workbench.action.openSettings', 'github.copilot.enable');
          }
        });
    }
  }
}

let extension: Extension | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  extension = new Extension(context);
  await extension.restart();
}

export async function deactivate(): Promise<void> {
  await extension?.stop();
}
