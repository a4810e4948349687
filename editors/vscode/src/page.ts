/** Read-only pages: a figure or two on top, then sections, in the colours of the editor's theme. */
import * as vscode from 'vscode';

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? char);
}

/** Escapes a text and formats text in backticks as code. */
export function inline(text: string): string {
  return escapeHtml(text).replace(/`([^`]*)`/g, '<code>$1</code>');
}

export interface Figure {
  label: string;
  value: string;
  note?: string;
}

export function figures(all: Figure[]): string {
  const one = ({ label, value, note }: Figure) =>
    `<div class="figure"><dt>${inline(label)}</dt><dd>${inline(value)}</dd><p>${inline(note ?? '')}</p></div>`;
  return `<dl class="figures">${all.map(one).join('')}</dl>`;
}

export function folded(title: string, html: string): string {
  return `<details><summary>${inline(title)}</summary>${html}</details>`;
}

const STYLE = `
  body { padding: 0.5em 2em 2em; max-width: 60em; line-height: 1.5; }
  h1 { font-weight: 400; } h2 { font-weight: 400; margin-top: 1.8em; }
  .figures { display: flex; flex-wrap: wrap; gap: 0.8em; margin: 1em 0; }
  .figure { flex: 1 1 8em; padding: 0.7em 0.9em; background: var(--vscode-editorWidget-background); border-radius: 4px; }
  .figure dt { opacity: 0.8; } .figure dd { margin: 0; font-size: 1.7em; } .figure p { margin: 0; opacity: 0.8; }
  table { border-collapse: collapse; } td, th { padding: 0.35em 1.2em 0.35em 0; text-align: left; vertical-align: top; }
  th { font-weight: 600; white-space: nowrap; } td p { margin: 0; } td .to-do { opacity: 0.85; }
  .good { color: var(--vscode-testing-iconPassed); } .attention { color: var(--vscode-editorWarning-foreground); }
  .bad { color: var(--vscode-editorError-foreground); } .mark { font-weight: 700; padding-right: 0.7em; }
  details { margin-top: 1.5em; } summary { cursor: pointer; } pre { overflow-x: auto; }`;

/** The page as a document without scripts. */
export function document(title: string, body: string): string {
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1>${body}</body></html>`;
}

/** The open pages by their titles. */
const panels = new Map<string, vscode.WebviewPanel>();

/** Shows a page in its tab, replacing the previous content. */
export function showPage(title: string, body: string): void {
  const panel =
    panels.get(title) ??
    vscode.window.createWebviewPanel('foretell.page', title, vscode.ViewColumn.Active, { enableFindWidget: true });
  panels.set(title, panel);
  panel.onDidDispose(() => { panels.delete(title); });
  panel.webview.html = document(title, body);
  panel.reveal();
}
