/** One run of the server: its language client, its status, the updates of its suggestions, and next edits. */
import * as vscode from 'vscode';
import { CloseAction, ErrorAction } from 'vscode-languageclient/node';
import { Client } from './client';
import { Focus } from './focus';
import { NextEdits, type NextEdit } from './nextEdits';
import type { ServerStatus } from './status';
import { Suggestions, type Update } from './suggestions';

export interface Options {
  program: string;
  settings: () => object;
  streaming: boolean;
  log: vscode.LogOutputChannel;
  /** Whether suggestions are on in a document. */
  isOn: (document: vscode.TextDocument) => boolean;
  onStatus: (status: ServerStatus) => void;
}

/** How many times a server that exits is restarted within `RESTART_WINDOW_MS`. */
const MAX_RESTARTS = 4;
const RESTART_WINDOW_MS = 180_000;

const SELECTOR = [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-notebook-cell' }, { scheme: 'vscode-remote' }];

export class Server {
  readonly client: Client;
  readonly nextEdits: NextEdits;
  private readonly suggestions: Suggestions;
  private readonly focus = new Focus((document, position) => { this.sendFocus(document, position); });
  /** When the server was restarted within the window, in ms since the epoch. */
  private restartTimesMs: number[] = [];
  private isLoading = true;

  constructor(private readonly options: Options) {
    const client = () => this.client;
    const { isOn } = options;
    this.suggestions = new Suggestions(SELECTOR, client, isOn, () => { this.nextEdits.draw(); });
    const hasSuggestion = (editor: vscode.TextEditor) => this.suggestions.isAt(editor);
    this.nextEdits = new NextEdits({ selector: SELECTOR, client, isOn, hasSuggestion });
    this.client = new Client(
      'foretell',
      'Foretell',
      { command: options.program, args: ['serve'] },
      {
        documentSelector: SELECTOR,
        initializationOptions: () => ({
          status: true,
          streaming: options.streaming,
          nextEdit: true,
          workspaceTrusted: vscode.workspace.isTrusted,
          settings: options.settings(),
        }),
        outputChannel: options.log,
        middleware: {
          provideInlineCompletionItems: this.suggestions.provide,
          workspace: { configuration: ({ items }) => items.map(options.settings) },
        },
        initializationFailedHandler: (error) => {
          options.onStatus({ state: 'failed', message: `The server failed to start: ${String(error)}` });
          return false;
        },
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue }),
          closed: () => this.onClosed(),
        },
      },
    );
    this.client.onNotification('foretell/status', (status: ServerStatus) => {
      options.onStatus(status);
      if (status.state === 'ready' && this.isLoading) {
        // A request gets no suggestion while the model loads.
        this.suggestions.requestAgain();
        this.focus.onEditor(vscode.window.activeTextEditor);
      }
      this.isLoading = status.state === 'loading';
    });
    this.client.onNotification('foretell/inlineCompletion/update', (update: Update) => {
      this.suggestions.onUpdate(update);
    });
    this.client.onNotification('foretell/nextEdit', (edit: NextEdit) => { this.nextEdits.onEdit(edit); });
  }

  start(): Promise<void> {
    return this.client.start();
  }

  private sendFocus(document: vscode.TextDocument, position: vscode.Position): void {
    if (this.client.isRunning() && vscode.languages.match(SELECTOR, document) > 0 && this.options.isOn(document)) {
      const converter = this.client.code2ProtocolConverter;
      void this.client.sendNotification('textDocument/didFocus', {
        textDocument: converter.asTextDocumentIdentifier(document),
        position: converter.asPosition(position),
      });
    }
  }

  /** Stops updating the suggestion on screen, which the caller hides. */
  stopStreaming(): void {
    this.suggestions.stop();
    this.nextEdits.draw();
  }

  async stop(): Promise<void> {
    this.focus.dispose();
    this.nextEdits.dispose();
    this.suggestions.dispose();
    await this.client.end();
  }

  private onClosed(): { action: CloseAction; message?: string; handled?: boolean } {
    this.nextEdits.withdraw();
    if (this.client.isEnding) {
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    const now = Date.now();
    this.restartTimesMs = [...this.restartTimesMs.filter((at) => now - at < RESTART_WINDOW_MS), now];
    if (this.restartTimesMs.length > MAX_RESTARTS) {
      this.options.onStatus({ state: 'failed', message: 'The server keeps stopping; see the log.' });
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    this.isLoading = true;
    this.options.onStatus({ state: 'loading' });
    return { action: CloseAction.Restart, handled: true };
  }
}
