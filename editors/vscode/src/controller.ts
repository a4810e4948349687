/** The server's lifecycle: finds the program, starts and stops it, and reports its status. */
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { locate } from './locate';
import { describeFailure, missingProgram, noteOtherExtensions, reportFailure, reportMissingProgram } from './messages';
import { canRetrigger } from './retrigger';
import { Server } from './server';
import { isOn, serverSettings } from './settings';
import { Snooze } from './snooze';
import { Status, type ServerStatus } from './status';

export class Controller implements vscode.Disposable {
  readonly log = vscode.window.createOutputChannel('Foretell', { log: true });
  readonly status = new Status();
  readonly snooze = new Snooze(() => {
    this.currentServer?.stopStreaming();
    void vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
    this.drawStatus();
  });
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
    this.snooze.dispose();
    this.status.dispose();
  }

  onActiveEditorChanged(): void {
    this.drawStatus();
  }

  async onConfigurationChanged(event: vscode.ConfigurationChangeEvent): Promise<void> {
    if (event.affectsConfiguration('foretell')) {
      this.currentServer?.nextEdits.withdraw();
    }
    if (event.affectsConfiguration('foretell.server.path') || event.affectsConfiguration('foretell.streaming') ||
      event.affectsConfiguration('editor.accessibilitySupport')) {
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
      this.setStatus({ state: 'failed', message: missingProgram() });
      reportMissingProgram();
      return;
    }
    this.setStatus({ state: 'loading' });
    const server = new Server({
      program: this.currentProgram,
      settings: () => serverSettings(this.settingNames),
      streaming: configuration.get<boolean>('streaming', true) && canRetrigger(vscode.version) && !isReadAloud(),
      isOn: (document) => isOn(document.languageId) && this.snooze.message === undefined,
      log: this.log,
      onStatus: (status) => {
        if (this.currentServer === server) {
          this.setStatus(status);
        }
      },
    });
    this.currentServer = server;
    void this.initialize(server, this.currentProgram);
  }

  /** Not part of the transition: a program that never responds must not block the next one. */
  private async initialize(server: Server, program: string): Promise<void> {
    try {
      await server.start();
      noteOtherExtensions(this.context.globalState);
    } catch (error) {
      if (this.currentServer === server) {
        this.setStatus({ state: 'failed', message: `${program} did not start: ${String(error)}` });
      }
    }
  }

  private setStatus(status: ServerStatus): void {
    const before = this.status.failure;
    const isFailure = status.state === 'failed' && status.message !== undefined;
    this.status.set(isFailure ? { ...status, message: describeFailure(status.message ?? '') } : status);
    this.drawStatus();
    const failure = this.status.failure;
    if (failure && failure !== before && failure !== missingProgram()) {
      this.log.error(status.message ?? failure);
      reportFailure(failure);
    }
    void vscode.commands.executeCommand('setContext', 'foretell.isReady', this.status.isReady);
  }

  private drawStatus(): void {
    const isOff = !isOn(vscode.window.activeTextEditor?.document.languageId ?? '');
    this.status.draw(isOff ? 'Off: no suggestions here.' : this.snooze.message);
  }
}

/** Whether a screen reader announces suggestions: one that grows would be announced several times. */
function isReadAloud(): boolean {
  return vscode.workspace.getConfiguration('editor').get('accessibilitySupport') === 'on';
}
