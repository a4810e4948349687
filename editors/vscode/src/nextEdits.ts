/**
 * Offers the server's next edit (docs/protocol.md): Tab goes to it, Tab again accepts it, Escape
 * rejects it.
 *
 * It is never an inline completion item: VS Code shows one item at a time, only at the cursor, and
 * does not report its dismissal to extensions.
 */
import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { changeOf, isHere, isInsertion, sentence, type Range } from './editText';
import { EditView, type DrawnEdit } from './editView';

/** `foretell/nextEdit`. */
export interface NextEdit {
  edits: {
    textDocument: { uri: string; version: number };
    range: Range;
    text: string;
    oldText: string;
    command: { command: string; arguments: unknown[] };
  }[];
}

interface Offer extends DrawnEdit {
  document: vscode.TextDocument;
  version: number;
  command: NextEdit['edits'][number]['command'];
  /** Whether it was drawn and reported to the server. */
  isShown: boolean;
}

interface Options {
  selector: vscode.DocumentSelector;
  client: () => LanguageClient;
  /** Whether suggestions are on in a document. */
  isOn: (document: vscode.TextDocument) => boolean;
  /** Whether there is a suggestion at the cursor, which Tab accepts. */
  hasSuggestion: (editor: vscode.TextEditor) => boolean;
}

/** How long after the last change an edit appears at the earliest: each key of a new name leads to another edit. */
const PAUSE_MS = 250;

/** How long the keys stay active after an accepted edit, until the next one arrives, judged by the model: nobody indents that soon. */
const HOLD_MS = 800;

export class NextEdits implements vscode.Disposable {
  private readonly view = new EditView();
  private readonly listeners: vscode.Disposable[];
  /** The current edit; undefined as soon as its document changes. */
  private offer: Offer | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isApplying = false;
  /** When a document last changed, in ms. */
  private changedAt = 0;
  /** The version that the last accepted edit led to: the next edit appears without a pause. */
  private applied: { document: vscode.TextDocument; version: number } | undefined;
  /** Whether the keys are on, and whether VS Code has applied that. */
  private keys: { isOn: boolean; isDone: boolean } = { isOn: false, isDone: true };
  /** Set while the keys stay active without an edit. */
  private held: { released: Promise<void>; release: () => void } | undefined;
  private endAnnouncement: (() => void) | undefined;

  constructor(private readonly options: Options) {
    this.listeners = [
      vscode.workspace.onDidChangeTextDocument((event) => { this.onChange(event); }),
      vscode.window.onDidChangeActiveTextEditor(() => { this.draw(); }),
      vscode.window.onDidChangeTextEditorSelection(() => { this.draw(); }),
      vscode.window.onDidChangeTextEditorVisibleRanges(() => { this.draw(); }),
    ];
  }

  onEdit({ edits: [edit] }: NextEdit): void {
    const converter = this.options.client().protocol2CodeConverter;
    const uri = edit && converter.asUri(edit.textDocument.uri).toString();
    const document = vscode.workspace.textDocuments.find((it) => it.uri.toString() === uri);
    if (!edit || document?.version !== edit.textDocument.version) {
      return;
    }
    clearTimeout(this.timer);
    const { version } = document;
    const { start, end } = edit.range;
    const range = new vscode.Range(start.line, start.character, end.line, end.character);
    const offer = { ...edit, document, version, range, isShown: false };
    const isNext = this.applied?.document === document && this.applied.version === version;
    const show = () => {
      this.offer = offer;
      this.releaseKeys();
    };
    // A judged edit comes after a pause, and does not wait for another one.
    const pauseMs = this.changedAt + PAUSE_MS - Date.now();
    if (isNext || pauseMs <= 0) {
      show();
    } else {
      this.timer = setTimeout(show, pauseMs);
    }
  }

  private onChange({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    if (contentChanges.length === 0 || vscode.languages.match(this.options.selector, document) === 0) {
      return; // It was saved, or is an output channel.
    }
    this.changedAt = Date.now();
    this.applied = this.isApplying ? { document, version: document.version } : undefined;
    this.withdraw(this.isApplying);
  }

  /** The current edit, if it applies to the active editor. */
  private current(): { editor: vscode.TextEditor; offer: Offer } | undefined {
    const editor = vscode.window.activeTextEditor;
    const { offer } = this;
    const isThere = editor && offer && editor.document === offer.document && offer.version === offer.document.version;
    return isThere && editor.selections.length === 1 && this.options.isOn(offer.document) ? { editor, offer } : undefined;
  }

  /** Draws the current edit for the current cursor, suggestion and lines on screen. */
  draw(): void {
    const current = this.current();
    this.setKeys(current !== undefined || this.held !== undefined);
    if (!current) {
      this.view.clear();
      this.endAnnouncement?.();
      return;
    }
    if (!this.keys.isDone) {
      return; // The hint must not appear before its key works.
    }
    const { editor, offer } = current;
    this.view.draw(editor, offer, !this.options.hasSuggestion(editor));
    if (!offer.isShown) {
      offer.isShown = true;
      this.announce(offer);
      void this.options.client().sendNotification('textDocument/didShowInlineEdit', { item: { command: offer.command } });
    }
  }

  /** Goes to the edit, or accepts it if the cursor is there. False if there is none, so that the key indents. */
  async goOrAccept(): Promise<boolean> {
    const wasHeld = this.held !== undefined;
    while (this.held && !this.current()) {
      await this.held.released;
    }
    const current = this.current();
    if (!current) {
      return wasHeld;
    }
    const { editor, offer } = current;
    if (isHere(offer.range, editor.selection.active)) {
      await this.accept();
    } else {
      const { end } = changeOf(offer.range, offer.oldText, offer.text).range;
      editor.selection = new vscode.Selection(end.line, end.character, end.line, end.character);
      editor.revealRange(offer.range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    }
    return true;
  }

  async accept(): Promise<void> {
    const current = this.current();
    if (!current) {
      return;
    }
    const { editor, offer } = current;
    const change = changeOf(offer.range, offer.oldText, offer.text);
    const { start, end } = change.range;
    this.withdraw(true);
    this.isApplying = true;
    try {
      const isApplied = await editor.edit((it) => {
        if (isInsertion(change)) {
          it.insert(new vscode.Position(start.line, start.character), change.text);
        } else {
          it.replace(new vscode.Range(start.line, start.character, end.line, end.character), change.text);
        }
      });
      if (isApplied) {
        this.run(offer.command.command, offer);
      }
    } finally {
      this.isApplying = false;
    }
  }

  reject(): void {
    const current = this.current();
    this.withdraw();
    if (current) {
      this.run('foretell.rejectEdit', current.offer);
    }
  }

  /** Runs a command of the server. */
  private run(command: string, { command: { arguments: args } }: Offer): void {
    // A failure is logged, and these commands only inform the server.
    void this.options.client().sendRequest('workspace/executeCommand', { command, arguments: args }).catch(() => undefined);
  }

  /** Drops the current edit, also one that has not appeared yet. The keys stay active if another one is expected. */
  withdraw(expectsNext = false): void {
    clearTimeout(this.timer);
    this.offer = undefined;
    if (expectsNext) {
      this.holdKeys();
    } else {
      this.releaseKeys();
    }
  }

  private holdKeys(): void {
    this.held?.release();
    const timer = setTimeout(() => { this.releaseKeys(); }, HOLD_MS);
    let resolve!: () => void;
    const released = new Promise<void>((it) => { resolve = it; });
    const release = () => {
      clearTimeout(timer);
      resolve();
    };
    this.held = { released, release };
    this.draw();
  }

  private releaseKeys(): void {
    this.held?.release();
    this.held = undefined;
    this.draw();
  }

  /** Turns the keys on or off (package.json), then draws. */
  private setKeys(isOn: boolean): void {
    if (this.keys.isOn === isOn) {
      return;
    }
    const keys = { isOn, isDone: false };
    this.keys = keys;
    void vscode.commands.executeCommand('setContext', 'foretell.nextEdit', isOn).then(() => {
      keys.isDone = true;
      this.draw();
    });
  }

  /** Makes a screen reader read the edit: an extension can announce something only by a notification. */
  private announce({ range, oldText, text }: Offer): void {
    if (vscode.workspace.getConfiguration('editor').get('accessibilitySupport') !== 'on') {
      return;
    }
    const title = `${sentence(range, oldText, text)}. Tab goes there, Escape rejects it.`;
    void vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title }, () =>
      new Promise<void>((resolve) => { this.endAnnouncement = resolve; }));
  }

  dispose(): void {
    this.withdraw();
    this.listeners.forEach((it) => { it.dispose(); });
    this.view.dispose();
  }
}
