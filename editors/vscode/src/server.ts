/** The server as VS Code's client sees it: started, asked, and its texts as they grow. */
import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  type InlineCompletionItem,
  type Middleware,
} from 'vscode-languageclient/node';
import { Retrigger, type Answer } from './retrigger';
import { Client } from './client';
import { StreamingItem, samePlace, type Place } from './streamingItem';
import type { State } from './status';
import { isOn } from './settings';

function placeOf(document: vscode.TextDocument, position: vscode.Position): Place {
  return { uri: document.uri.toString(), version: document.version, position };
}

/** The params of `foretell/inlineCompletion/update`, as far as they matter here. */
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

/** How often a server that dies is started again within `RESTART_WINDOW_MS`. */
const MAX_RESTARTS = 4;
const RESTART_WINDOW_MS = 180_000;

const SELECTOR = [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-remote' }];

export class Server {
  readonly client: Client;
  private readonly growing = new StreamingItem<InlineCompletionItem>();
  private readonly again = new Retrigger(SELECTOR, 'foretell.foretell');
  private next: Answer | undefined;
  /** Whether a text is there that VS Code has not got, and whether it is being asked to get it. */
  private isLonger = false;
  private isAsking = false;
  private restarts: number[] = [];
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
          closed: () => this.closed(),
        },
      },
    );
    this.client.onNotification('foretell/status', (it: { state: State; message?: string; remote?: string }) => {
      options.onStatus(it.state, it.message, it.remote);
      if (it.state === 'ready' && this.isLoading && this.next) {
        void this.again.askUntilHeard(this.next); // what was asked while it was loaded had no answer
      }
      this.isLoading = it.state === 'loading';
    });
    this.client.onNotification('foretell/inlineCompletion/update', (it: Update) => { this.grow(it); });
  }

  /** Tells the server which document the user looks at. */
  focus(editor: vscode.TextEditor | undefined): void {
    if (editor && this.client.isRunning()) {
      const textDocument = this.client.code2ProtocolConverter.asTextDocumentIdentifier(editor.document);
      void this.client.sendNotification('textDocument/didFocus', { textDocument });
    }
  }

  async stop(): Promise<void> {
    this.stopGrowing();
    this.again.dispose();
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
    this.stopGrowing();
    this.next = next;
    this.growing.asked(placeOf(document, position));
    return next(document, position, context, token);
  };

  /** Shows the next, longer text of what was asked for last. Those that come meanwhile are left out. */
  private grow(update: Update): void {
    const uri = this.client.protocol2CodeConverter.asUri(update.textDocument.uri).toString();
    const place = { uri, version: update.textDocument.version, position: update.position };
    const editor = vscode.window.activeTextEditor;
    const isHere = editor && samePlace(placeOf(editor.document, editor.selection.active), place);
    if (isHere && this.growing.take(place, update.item)) {
      this.isLonger = true;
      void this.showLonger();
    }
  }

  /** Has VS Code ask for the longest text until it has it. */
  private async showLonger(): Promise<void> {
    if (this.isAsking) {
      return;
    }
    this.isAsking = true;
    try {
      while (this.isLonger && (await this.again.askUntilHeard(this.grown)));
    } finally {
      this.isAsking = false;
    }
  }

  private readonly grown: Answer = async (document, position) => {
    this.isLonger = false;
    const item = this.growing.at(placeOf(document, position));
    return item && this.client.protocol2CodeConverter.asInlineCompletionResult([item]);
  };

  /** Keeps the stream of a text from bringing it back. */
  stopGrowing(): void {
    this.growing.stop();
    this.isLonger = false;
  }

  private closed(): { action: CloseAction; message?: string; handled?: boolean } {
    if (this.client.isEnding) {
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    const now = Date.now();
    this.restarts = [...this.restarts.filter((at) => now - at < RESTART_WINDOW_MS), now];
    if (this.restarts.length > MAX_RESTARTS) {
      this.options.onStatus('failed', 'The server keeps stopping; see the log.');
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    this.isLoading = true;
    this.options.onStatus('loading');
    return { action: CloseAction.Restart, handled: true };
  }
}
