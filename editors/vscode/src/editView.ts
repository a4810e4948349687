/** Draws an offered edit: the old text struck through, the new text next to it, and what Tab does. */
import * as vscode from 'vscode';
import { hintOf, isHere, isInsertion, onOneLine, type Change } from './editText';

const colour = (name: string) => new vscode.ThemeColor(name);

/** A line's end, whatever its length. */
const LINE_END = Number.MAX_SAFE_INTEGER;

export class EditView implements vscode.Disposable {
  private readonly removed = vscode.window.createTextEditorDecorationType({
    backgroundColor: colour('diffEditor.removedTextBackground'),
    textDecoration: 'line-through',
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  /** `before` the next character: VS Code draws the cursor and a bracket's box behind it. */
  private readonly inserted = vscode.window.createTextEditorDecorationType({
    before: { backgroundColor: colour('diffEditor.insertedTextBackground'), margin: '0 0 0 0.25ch' },
    overviewRulerColor: colour('diffEditorOverview.insertedForeground'),
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  /** At the cursor, an insertion looks like a suggestion. */
  private readonly ghost = vscode.window.createTextEditorDecorationType({
    after: { color: colour('editorGhostText.foreground') },
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  private readonly hint = vscode.window.createTextEditorDecorationType({
    after: {
      color: colour('editorCodeLens.foreground'),
      backgroundColor: colour('keybindingLabel.background'),
      border: '1px solid',
      borderColor: colour('keybindingLabel.border'),
      margin: '0 0 0 2ch',
    },
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  /** The editor with the decorations. */
  private editor: vscode.TextEditor | undefined;

  /** Draws a change, in place of the previous one. Without `hasTab`, Tab does something else. */
  draw(editor: vscode.TextEditor, change: Change, hover: vscode.MarkdownString, hasTab: boolean): void {
    if (this.editor !== editor) {
      this.clear();
    }
    this.editor = editor;
    const { start, end } = change.range;
    const range = new vscode.Range(start.line, start.character, end.line, end.character);
    const cursor = editor.selection.active;
    const isGhost = isInsertion(change) && isHere(range, cursor);
    const at = new vscode.Range(range.end, range.end);
    const contentText = onOneLine(change.text);
    const drawn = (renderOptions: vscode.DecorationInstanceRenderOptions) => [{ range: at, hoverMessage: hover, renderOptions }];
    editor.setDecorations(this.removed, isInsertion(change) ? [] : [{ range, hoverMessage: hover }]);
    editor.setDecorations(this.inserted, isGhost ? [] : drawn({ before: { contentText } }));
    editor.setDecorations(this.ghost, isGhost ? drawn({ after: { contentText } }) : []);
    editor.setDecorations(this.hint, hasTab ? [this.hintAt(editor, range, cursor)] : []);
  }

  private hintAt(editor: vscode.TextEditor, range: vscode.Range, cursor: vscode.Position): vscode.DecorationOptions {
    const lines = editor.visibleRanges.map(({ start, end }) => ({ first: start.line, last: end.line }));
    const hint = hintOf(range, cursor, lines);
    const line = hint.at === 'edit' ? range.end.line : hint.line;
    return { range: new vscode.Range(line, LINE_END, line, LINE_END), renderOptions: { after: { contentText: onOneLine(` Tab ${hint.text} `) } } };
  }

  clear(): void {
    for (const type of [this.removed, this.inserted, this.ghost, this.hint]) {
      this.editor?.setDecorations(type, []);
    }
    this.editor = undefined;
  }

  dispose(): void {
    [this.removed, this.inserted, this.ghost, this.hint].forEach((it) => { it.dispose(); });
  }
}
