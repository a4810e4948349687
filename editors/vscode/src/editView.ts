/** Draws an offered edit: the old text struck through, the new text next to it, and what Tab does. */
import * as vscode from 'vscode';
import { changeOf, hintOf, isHere, isInsertion, lastLine, onOneLine } from './editText';

const colour = (name: string) => new vscode.ThemeColor(name);

/** A line's end, whatever its length. */
const LINE_END = Number.MAX_SAFE_INTEGER;

/** The parts of an edit that are drawn. */
export interface DrawnEdit {
  range: vscode.Range;
  text: string;
  oldText: string;
}

export class EditView implements vscode.Disposable {
  /** The hover, and a mark on the scroll bar. */
  private readonly place = vscode.window.createTextEditorDecorationType({
    overviewRulerColor: colour('diffEditorOverview.insertedForeground'),
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  private readonly removed = vscode.window.createTextEditorDecorationType({
    textDecoration: 'line-through',
    // The background of the API would extend behind the new text, which shifts the end of the range.
    opacity: '1; background-color: var(--vscode-diffEditor-removedTextBackground)',
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  /** `before` the next character, because `after` would widen the box of a matching bracket. */
  private readonly inserted = vscode.window.createTextEditorDecorationType({
    before: { backgroundColor: colour('diffEditor.insertedTextBackground'), margin: '0 0 0 0.25ch' },
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  /** At the cursor, an insertion looks like a suggestion. */
  private readonly ghost = vscode.window.createTextEditorDecorationType({
    before: { color: colour('editorGhostText.foreground'), fontStyle: 'italic' },
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

  /** Draws an edit, in place of the previous one. Without `hasTab`, Tab does something else. */
  draw(editor: vscode.TextEditor, edit: DrawnEdit, hasTab: boolean): void {
    if (this.editor !== editor) {
      this.clear();
    }
    this.editor = editor;
    const { range, oldText } = edit;
    const change = changeOf(range, oldText, edit.text);
    const { start, end } = change.range;
    const cursor = editor.selection.active;
    const isGhost = isInsertion(change) && isHere(range, cursor);
    const removed = new vscode.Range(start.line, start.character, end.line, end.character);
    const renderOptions = { before: { contentText: onOneLine(change.text) } };
    const text = [{ range: new vscode.Range(removed.end, removed.end), renderOptions }];
    // An empty range has no hover.
    const place = range.isEmpty ? range.with(undefined, range.end.translate(0, 1)) : range;
    editor.setDecorations(this.place, [{ range: place, hoverMessage: hoverOf(edit) }]);
    editor.setDecorations(this.removed, [removed]);
    editor.setDecorations(this.inserted, isGhost ? [] : text);
    editor.setDecorations(this.ghost, isGhost ? text : []);
    editor.setDecorations(this.hint, hasTab ? [this.hintAt(editor, range, cursor)] : []);
  }

  private hintAt(editor: vscode.TextEditor, range: vscode.Range, cursor: vscode.Position): vscode.DecorationOptions {
    const lines = editor.visibleRanges.map(({ start, end }) => ({ first: start.line, last: end.line }));
    const hint = hintOf(range, cursor, lines);
    const line = hint.at === 'edit' ? lastLine(range) : hint.line;
    return { range: new vscode.Range(line, LINE_END, line, LINE_END), renderOptions: { after: { contentText: onOneLine(` Tab ${hint.text} `) } } };
  }

  private types(): vscode.TextEditorDecorationType[] {
    return [this.place, this.removed, this.inserted, this.ghost, this.hint];
  }

  clear(): void {
    for (const type of this.types()) {
      this.editor?.setDecorations(type, []);
    }
    this.editor = undefined;
  }

  dispose(): void {
    this.types().forEach((it) => { it.dispose(); });
  }
}

/** The whole edit, with links for the mouse. */
function hoverOf({ oldText, text }: DrawnEdit): vscode.MarkdownString {
  const lines = (mark: string, it: string) => (it ? it.split('\n').map((line) => `${mark} ${line}`) : []);
  const hover = new vscode.MarkdownString();
  hover.isTrusted = { enabledCommands: ['foretell.acceptNextEdit', 'foretell.rejectNextEdit'] };
  hover.appendCodeblock([...lines('-', oldText), ...lines('+', text)].join('\n'), 'diff');
  hover.appendMarkdown('[Accept](command:foretell.acceptNextEdit "Tab") · [Reject](command:foretell.rejectNextEdit "Escape")');
  return hover;
}
