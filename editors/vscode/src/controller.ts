/** The server's lifecycle: finds the program, starts and stops it, and reports its status. */
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { locate } from './locate';
import { MISSING_PROGRAM, noteOtherExtensions, reportFailure, reportMissingProgram } from './messages';
import { canRetrigger } from './retrigger';
import { Server } from './server';
import { isOn, serverSettings } from './settings';
import { Status } from './status';

export class Controller implements vscode.Disposable {
  readonly log = vscode.window.createOutputChannel('Foretell', { log: true });
  readonly status = new Status();
  private readonly settingNames: string[];
  private currentServer: Server | undefined;
  private currentProgram: string | undefined;
  /** The last start or stop; the next one waits for it. */
  private transition: Promise<void> = Promise.resolve();

  constructor(private readonly context: vscode.ExtensionContext) {
    const manifest = context.extension.packageJSON as {
      contributes: { configuration: { properties: Record<string, unknown> }[] };
    };
    this.settingNames = manifest.contributes.configuration
      .flatMap((group) => Object.keys(group.properties))
      .map((name) => name.replace(/^foretell\./, ''));
  }

  get server(): Server | undefined {
    return this.currentServer;
  }

  /** The path of the server's executable; undefined if there is none. */
  get program(): string | undefined {
    return this.currentProgram;
  }

  /** Starts the server; stops the running one first. */
  restart(): Promise<void> {
    return this.enqueue(async () => {
      await this.stopServer();
      this.startServer();
    });
  }

  stop(): Promise<void> {
    return this.enqueue(() => this.stopServer());
  }

  dispose(): void {
    this.log.dispose();
    this.status.dispose();
  }

  onActiveEditorChanged(editor: vscode.TextEditor | undefined): void {
    this.currentServer?.focus(editor);
    this.drawStatus();
  }

  async onConfigurationChanged(event: vscode.ConfigurationChangeEvent): Promise<void> {
    if (event.affectsConfiguration('foretell.server.path') || event.affectsConfiguration('foretell.streaming')) {
      await this.restart();
    } else if (event.affectsConfiguration('foretell') && this.currentServer?.client.isRunning()) {
      const settings = { foretell: serverSettings(this.settingNames) };
      await this.currentServer.client.sendNotification('workspace/didChangeConfiguration', { settings });
    }
    this.drawStatus();
  }

  private enqueue(run: () => Promise<void>): Promise<void> {
    this.transition = this.transition.then(run, run);
    return this.transition;
  }

  private async stopServer(): Promise<void> {
    const server = this.currentServer;
    this.currentServer = undefined; // ignores the status of a server that is stopping
    await server?.stop();
  }

  private startServer(): void {
    const configuration = vscode.workspace.getConfiguration('foretell');
    this.currentProgram = locate({
      setting: configuration.get('server.path', ''),
      extension: this.context.extensionPath,
      path: process.env['PATH'] ?? '',
      home: homedir(),
    });
    if (!this.currentProgram) {
      this.setStatus('failed', MISSING_PROGRAM);
      reportMissingProgram();
      return;
    }
    this.setStatus('loading');
    const server = new Server({
      program: this.currentProgram,
      settings: () => serverSettings(this.settingNames),
      streaming: configuration.get<boolean>('streaming', true) && canRetrigger(vscode.version),
      log: this.log,
      onStatus: (state, message, remote) => {
        if (this.currentServer === server) {
          this.setStatus(state, message, remote);
        }
      },
    });
    this.currentServer = server;
    void this.initialize(server, this.currentProgram);
  }

  /** Not part of the transition: a program that never responds must not block the next one. */
  private async initialize(server: Server, program: string): Promise<void> {
    try {
      await server.client.start();
      server.focus(vscode.window.activeTextEditor);
      noteOtherExtensions(this.context.globalState);
    } catch (error) {
      if (this.currentServer === server) {
        this.setStatus('failed', `${program} did not start: ${String(error)}`);
      }
    }
  }

  private setStatus(state: Parameters<Status['set']>[0], message?: string, remote?: string): void {
    const before = this.status.failure;
    this.status.set(state, message, remote);
    this.drawStatus();
    const failure = this.status.failure;
    if (failure && failure !== before && failure !== MISSING_PROGRAM) {
      reportFailure(failure);
    }
  }

  private drawStatus(): void {
    this.status.draw(!isOn(vscode.window.activeTextEditor?.document.languageId ?? ''));
  }
}
