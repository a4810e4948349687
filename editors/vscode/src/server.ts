/** The server as VS Code's client sees it: requests that may be answered from a stream. */
import * as vscode from 'vscode';
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type InlineCompletionItem,
  type Middleware,
} from 'vscode-languageclient/node';
import { Growing, type Place, type Update } from './growing';
import type { State } from './status';
import { isOn } from './settings';

export interface Options {
  program: string;
  settings: () => object;
  streaming: boolean;
  log: vscode.LogOutputChannel;
  onStatus: (state: State, message?: string) => void;
}

/** How often a server that dies is started again within `RESTART_WINDOW_MS`. */
const MAX_RESTARTS = 4;
const RESTART_WINDOW_MS = 180_000;

export class Server {
  readonly client: LanguageClient;
  private readonly growing = new Growing<InlineCompletionItem>();
  private restarts: number[] = [];
  private isLoading = true;

  constructor(private readonly options: Options) {
    this.client = new LanguageClient(
      'foretell',
      'Foretell',
      { command: options.program, args: ['serve'] },
      {
        documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-remote' }],
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
          options.onStatus('failed', `The server did not start: ${String(error)}`);
          return false;
        },
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue }),
          closed: () => this.closed(),
        },
      },
    );
    this.client.onNotification('foretell/status', (it: { state: State; message?: string }) => {
      options.onStatus(it.state, it.message);
      if (it.state === 'ready' && this.isLoading) {
        this.ask(); // what was asked before had no answer
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

  /** Takes the text off the screen and keeps its stream from bringing it back. */
  async dismiss(): Promise<void> {
    this.stopGrowing();
    await vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
  }

  async stop(): Promise<void> {
    this.stopGrowing();
    if (this.client.needsStop()) {
      await this.client.dispose(2000);
    }
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
    const place: Place = { uri: document.uri.toString(), version: document.version, position };
    const grown = this.growing.at(place);
    if (grown) {
      return [await this.item(grown)];
    }
    this.growing.asked(place);
    return next(document, position, context, token);
  };

  private async item(item: InlineCompletionItem): Promise<vscode.InlineCompletionItem> {
    const [converted] = await this.client.protocol2CodeConverter.asInlineCompletionResult([item]);
    if (!converted) {
      throw new Error('a suggestion that VS Code can not take');
    }
    return converted;
  }

  /**
   * VS Code asks once by itself at a place, and once more when told to; a third time it does not.
   * So the text grows once: from the first words to all of it, when the model has written it.
   */
  private grow(update: Update): void {
    const uri = this.client.protocol2CodeConverter.asUri(update.textDocument.uri).toString();
    const here = { ...update, textDocument: { ...update.textDocument, uri } };
    if (this.growing.take(here, update.item)) {
      void vscode.commands.executeCommand('setContext', 'foretell.growing', !update.done);
      if (update.done) {
        this.ask();
      }
    }
  }

  /** Has VS Code ask again where the cursor is, and only us. */
  ask(): void {
    void vscode.commands.executeCommand('editor.action.inlineSuggest.trigger', {
      providerId: 'foretell.foretell:*',
      explicit: true,
    });
  }

  private stopGrowing(): void {
    this.growing.stop();
    void vscode.commands.executeCommand('setContext', 'foretell.growing', false);
  }

  private closed(): { action: CloseAction; message?: string; handled?: boolean } {
    const now = Date.now();
    this.restarts = [...this.restarts.filter((at) => now - at < RESTART_WINDOW_MS), now];
    if (this.restarts.length > MAX_RESTARTS) {
      this.options.onStatus('failed', 'The server ended too often. The log says why.');
      return { action: CloseAction.DoNotRestart, handled: true };
    }
    this.isLoading = true;
    this.options.onStatus('loading');
    return { action: CloseAction.Restart, handled: true };
  }
}
