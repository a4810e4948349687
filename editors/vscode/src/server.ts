/** One run of the server: its language client, its status, and the updates of its suggestions. */
import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  type InlineCompletionItem,
  type Middleware,
} from 'vscode-languageclient/node';
import { Client } from './client';
import { Retrigger, type Provide } from './retrigger';
import { isOn } from './settings';
import type { State } from './status';
import { StreamingItem, samePlace, type Place } from './streamingItem';

function placeOf(document: vscode.TextDocument, position: vscode.Position): Place {
  return { uri: document.uri.toString(), version: document.version, position };
}

/** The params of `foretell/inlineCompletion/update` that are used here. */
interface Update {
  textDocument: { uri: string; version: number };
  position: Place['position'];
  item: InlineCompletionItem;
}

export interface Options {
  program: string;
  settings: () => object;
  streaming: boolean;
  log: vscode.LogOutputChannel;
  onStatus: (state: State, message?: string, remote?: string) => void;
}

/** How many times a server that exits is restarted within `RESTART_WINDOW_MS`. */
const MAX_RESTARTS = 4;
const RESTART_WINDOW_MS = 180_000;

const SELECTOR = [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-remote' }];

export class Server {
  readonly client: Client;
  private readonly streamingItem = new StreamingItem<InlineCompletionItem>();
  private readonly retrigger = new Retrigger(SELECTOR, 'foretell.foretell');
  /** The language client's own provider, as of the last request. */
  private requestFromServer: Provide | undefined;
  /** Whether there is an update that VS Code has not fetched yet. */
  private hasUpdate = false;
  private isRetriggering = false;
  /** When the server was restarted within the window, in ms since the epoch. */
  private restartTimesMs: number[] = [];
  private isLoading = true;

  constructor(private readonly options: Options) {
    this.client = new Client(
      'foretell',
      'Foretell',
      { command: options.program, args: ['serve'] },
      {
        documentSelector: SELECTOR,
        initializationOptions: () => ({
          status: true,
          streaming: options.streaming,
          workspaceTrusted: vscode.workspace.isTrusted,
          settings: options.settings(),
        }),
        outputChannel: options.log,
        middleware: {
          provideInlineCompletionItems: this.provide,
          workspace: { configuration: ({ items }) => items.map(options.settings) },
        },
        initializationFailedHandler: (error) => {
          options.onStatus('failed', `The server failed to start: ${String(error)}`);
          return false;
        },
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue }),
          closed: () => this.onClosed(),
        },
      },
    );
    this.client.onNotification('foretell/status', (it: { state: State; message?: string; remote?: string }) => {
      options.onStatus(it.state, it.message, it.remote);
      if (it.state === 'ready' && this.isLoading && this.requestFromServer) {
        // A request gets no suggestion while the model loads.
        void this.retrigger.run(this.requestFromServer);
      }
      this.isLoading = it.state === 'loading';
    });
    this.client.onNotification('foretell/inlineCompletion/update', (it: Update) => { this.onUpdate(it); });
  }

  /** Notifies the server which document is in the active editor. */
  focus(editor: vscode.TextEditor | undefined): void {
    if (editor && this.client.isRunning()) {
      const textDocument = this.client.code2ProtocolConverter.asTextDocumentIdentifier(editor.document);
      void this.client.sendNotification('textDocument/didFocus', { textDocument });
    }
  }

  async stop(): Promise<void> {
    this.stopStreaming();
    this.retrigger.dispose();
    await this.client.end();
  }

  private readonly provide: NonNullable<Middleware['provideInlineCompletionItems']> = async (
    document,
    position,
    context,
    token,
    next,
  ) => {
    if (!isOn(document.languageId)) {
      return [];
    }
    this.stopStreaming();
    this.requestFromServer = next;
    this.streamingItem.start(placeOf(document, position));
    return next(document, position, context, token);
  };

  /** Shows the next, longer text of the last request; a newer update replaces a pending one. */
  private onUpdate(update: Update): void {
    const uri = this.client.protocol2CodeConverter.asUri(update.textDocument.uri).toString();
    const place = { uri, version: update.textDocument.version, position: update.position };
    const editor = vscode.window.activeTextEditor;
    const isHere = editor && samePlace(placeOf(editor.document, editor.selection.active), place);
    if (isHere && this.streamingItem.update(place, update.item)) {
      this.hasUpdate = true;
      void this.showUpdates();
    }
  }

  /** Retriggers VS Code until it has fetched the latest update, or ignores it. */
  private async showUpdates(): Promise<void> {
    if (this.isRetriggering) {
      return;
    }
    this.isRetriggering = true;
    try {
      while (this.hasUpdate && (await this.retrigger.run(this.provideUpdate)));
    } finally {
      this.isRetriggering = false;
    }
  }

  private readonly provideUpdate: Provide = async (document, position) => {
    this.hasUpdate = false;
    const item = this.streamingItem.at(placeOf(document, position));
    return item && this.client.protocol2CodeConverter.asInlineCompletionResult([item]);
  };

  /** Ignores further updates, so that they do not bring back a dismissed suggestion. */
  stopStreaming(): void {
    this.streamingItem.stop();
    this.hasUpdate = false;
  }

  private onClosed(): { action: CloseAction; message?: string; handled?: boolean } {
    if (this.client.isEnding) {
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    const now = Date.now();
    this.restartTimesMs = [...this.restartTimesMs.filter((at) => now - at < RESTART_WINDOW_MS), now];
    if (this.restartTimesMs.length > MAX_RESTARTS) {
      this.options.onStatus('failed', 'The server keeps stopping; see the log.');
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    this.isLoading = true;
    this.options.onStatus('loading');
    return { action: CloseAction.Restart, handled: true };
  }
}
