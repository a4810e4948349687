/** Provides the server's suggestion, and its updates while it grows. */
import * as vscode from 'vscode';
import type { InlineCompletionItem, LanguageClient, Middleware } from 'vscode-languageclient/node';
import { missingClosers, quotesOf } from './closers';
import { Retrigger, type Provide } from './retrigger';
import { StreamingItem, samePlace, type Place } from './streamingItem';

/** The params of `foretell/inlineCompletion/update` that are used here. */
export interface Update {
  textDocument: { uri: string; version: number };
  position: Place['position'];
  item: InlineCompletionItem;
}

function placeOf(document: vscode.TextDocument, position: vscode.Position): Place {
  return { uri: document.uri.toString(), version: document.version, position };
}

/** Whether VS Code inserts closers in a document. */
function closesBrackets(document: vscode.TextDocument): boolean {
  const editor = vscode.workspace.getConfiguration('editor', document);
  return editor.get<string>('autoClosingBrackets', 'languageDefined') !== 'never';
}

/**
 * Prepares the server's items for VS Code's own edits while the user types into them:
 *
 * - Enter on a line with only indentation deletes the indentation, so the item replaces it.
 * - An opening bracket gets a closer, so further items take over.
 */
function prepare(
  items: vscode.InlineCompletionItem[],
  document: vscode.TextDocument,
  position: vscode.Position,
  context: vscode.InlineCompletionContext,
): vscode.InlineCompletionItem[] {
  const [first] = items;
  const isAutomatic = context.triggerKind === vscode.InlineCompletionTriggerKind.Automatic;
  if (!first || typeof first.insertText !== 'string' || !isAutomatic || context.selectedCompletionInfo) {
    return items;
  }
  const text = first.insertText;
  const line = document.lineAt(position.line).text;
  const isIndentation = line.slice(0, position.character).trim() === '' && position.character > 0;
  if (isIndentation && text.startsWith('\n') && first.range) {
    first.range = first.range.with(position.with(undefined, 0));
  }
  const closers = closesBrackets(document)
    ? missingClosers(text, line.slice(position.character), quotesOf(document.languageId))
    : [];
  return [...items, ...closers.map((it) => new vscode.InlineCompletionItem(text + it, first.range, first.command))];
}

/** Whether the document is edited at several places at once, where VS Code shows no suggestion. */
function hasSeveralCursors(document: vscode.TextDocument): boolean {
  const editor = vscode.window.activeTextEditor;
  return editor?.document === document && editor.selections.length > 1;
}

export class Suggestions implements vscode.Disposable {
  private readonly streamingItem = new StreamingItem<InlineCompletionItem>();
  private readonly retrigger: Retrigger;
  /** The language client's own provider, as of the last request. */
  private requestFromServer: Provide | undefined;
  /** Whether there is an update that VS Code has not fetched yet. */
  private hasUpdate = false;
  private isRetriggering = false;
  /** The place of the last suggestion that VS Code got. */
  private shown: Place | undefined;

  constructor(
    selector: vscode.DocumentSelector,
    private readonly client: () => LanguageClient,
    private readonly isOn: (document: vscode.TextDocument) => boolean,
    /** Called when VS Code gets a suggestion. */
    private readonly onShown: () => void,
  ) {
    this.retrigger = new Retrigger(selector, 'foretell.foretell');
  }

  /** The language client's middleware. */
  readonly provide: NonNullable<Middleware['provideInlineCompletionItems']> = async (
    document,
    position,
    context,
    token,
    next,
  ) => {
    this.stop();
    if (!this.isOn(document) || hasSeveralCursors(document)) {
      return [];
    }
    this.requestFromServer = next;
    this.streamingItem.start(placeOf(document, position));
    const result = await next(document, position, context, token);
    const items = Array.isArray(result) ? result : result?.items;
    if (items?.length && !token.isCancellationRequested) {
      this.shown = placeOf(document, position);
      this.onShown();
    }
    return items && prepare(items, document, position, context);
  };

  /** Whether VS Code got its last suggestion for an editor's cursor. It does not report whether it shows it. */
  isAt({ document, selection }: vscode.TextEditor): boolean {
    return this.shown !== undefined && samePlace(this.shown, placeOf(document, selection.active));
  }

  /** Requests a suggestion at the cursor, where the last request got none. */
  requestAgain(): void {
    if (this.requestFromServer) {
      void this.retrigger.run(this.requestFromServer);
    }
  }

  /** Shows the next, longer text of the last request; a newer update replaces a pending one. */
  onUpdate(update: Update): void {
    const uri = this.client().protocol2CodeConverter.asUri(update.textDocument.uri).toString();
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

  private readonly provideUpdate: Provide = async (document, position, context, token) => {
    this.hasUpdate = false;
    const item = this.streamingItem.at(placeOf(document, position));
    if (item) {
      const items = await this.client().protocol2CodeConverter.asInlineCompletionResult([item]);
      return prepare(items, document, position, context);
    }
    // A key came in between. VS Code takes this provider's result as the answer for it, and does not
    // ask the language client's provider.
    return this.requestFromServer && this.provide(document, position, context, token, this.requestFromServer);
  };

  /** Ignores further updates, so that they do not bring back a dismissed suggestion. */
  stop(): void {
    this.streamingItem.stop();
    this.hasUpdate = false;
    this.shown = undefined;
  }

  dispose(): void {
    this.stop();
    this.retrigger.dispose();
  }
}
