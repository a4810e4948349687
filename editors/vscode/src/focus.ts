/** Tells the server where the user will probably type next, so that it prefills the prompt there. */
import * as vscode from 'vscode';

/** How long the cursor must rest before its position is sent. */
const REST_MS = 150;

export class Focus implements vscode.Disposable {
  private readonly listeners: vscode.Disposable[];
  private timer: NodeJS.Timeout | undefined;
  /** The document and version of the last selection; a new version means that the user is typing. */
  private last: { document: vscode.TextDocument; version: number } | undefined;

  constructor(private readonly send: (document: vscode.TextDocument, position: vscode.Position) => void) {
    this.listeners = [
      vscode.window.onDidChangeActiveTextEditor((editor) => { this.onEditor(editor); }),
      vscode.window.onDidChangeTextEditorSelection((event) => { this.onSelection(event); }),
    ];
  }

  /** Sends an editor's cursor: it was opened, or the user switched to it. */
  onEditor(editor: vscode.TextEditor | undefined): void {
    clearTimeout(this.timer);
    if (editor) {
      this.last = { document: editor.document, version: editor.document.version };
      this.send(editor.document, editor.selection.active);
    }
  }

  private onSelection({ textEditor, kind }: vscode.TextEditorSelectionChangeEvent): void {
    const { document } = textEditor;
    const isTyping = this.last?.document === document && this.last.version !== document.version;
    this.last = { document, version: document.version };
    clearTimeout(this.timer);
    if (isTyping || textEditor !== vscode.window.activeTextEditor || textEditor.selections.length > 1) {
      return; // While the user types, requests contain the position.
    }
    if (kind === vscode.TextEditorSelectionChangeKind.Mouse) {
      this.send(document, textEditor.selection.active);
    } else {
      this.timer = setTimeout(() => { this.send(document, textEditor.selection.active); }, REST_MS);
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.listeners.forEach((it) => { it.dispose(); });
  }
}
