/** The menu of the status bar. */
import * as vscode from 'vscode';
import type { Controller } from './controller';
import { isOn } from './settings';

/** The name of the language in the active editor: VS Code shows it, but has no API for it. */
const NAMES: Partial<Record<string, string>> = {
  cpp: 'C++', csharp: 'C#', css: 'CSS', fsharp: 'F#', html: 'HTML', javascript: 'JavaScript',
  javascriptreact: 'JavaScript React', json: 'JSON', latex: 'LaTeX', objectivec: 'Objective-C', php: 'PHP', scss: 'SCSS',
  shellscript: 'shell scripts', sql: 'SQL', toml: 'TOML', typescript: 'TypeScript', typescriptreact: 'TypeScript React',
  xml: 'XML', yaml: 'YAML',
};

export function languageName(id: string): string {
  return NAMES[id] ?? id.charAt(0).toUpperCase() + id.slice(1);
}

export async function showMenu(controller: Controller): Promise<void> {
  const language = vscode.window.activeTextEditor?.document.languageId;
  const settings = vscode.workspace.getConfiguration('foretell');
  const enabled = settings.get<boolean>('suggest.enabled', true);
  const snoozed = controller.snooze.message;
  const entry = (label: string, command: string, detail?: string) => ({ label, command, detail });
  const entries = [
    ...(controller.program ? [] : [entry('$(folder-opened) Select the program…', 'foretell.chooseProgram')]),
    ...(controller.status.failure ? [entry('$(cloud-download) Set up', 'foretell.setup', 'Download ONNX Runtime and a model')] : []),
    entry(enabled ? '$(circle-slash) Turn off' : '$(sparkle) Turn on', 'foretell.toggle'),
    ...(language && enabled
      ? [entry(`$(code) Turn ${isOn(language) ? 'off' : 'on'} for ${languageName(language)}`, 'foretell.toggleLanguage')]
      : []),
    snoozed ? entry('$(bell) End the snooze', 'foretell.endSnooze', snoozed) : entry('$(bell-slash) Snooze…', 'foretell.snooze'),
    entry('$(package) Select a model…', 'foretell.chooseModel', settings.get('model.name')),
    entry('$(settings-gear) Settings', 'foretell.openSettings'),
    entry('$(keyboard) Keyboard shortcuts', 'foretell.openKeys'),
    entry('$(graph) Statistics', 'foretell.showStats'),
    entry('$(pulse) Doctor', 'foretell.doctor', 'Check the library, the model and your settings'),
    entry('$(output) Log', 'foretell.showLog'),
    entry('$(debug-restart) Restart the server', 'foretell.restart'),
  ];
  const chosen = await vscode.window.showQuickPick(entries, {
    title: 'Foretell',
    placeHolder: controller.status.failure ?? controller.status.reason ?? 'Select an action',
  });
  if (chosen) {
    await vscode.commands.executeCommand(chosen.command);
  }
}
