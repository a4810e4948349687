/** The commands of the palette, the status bar menu and the keys. */
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import type { Controller } from './controller';
import { reportMissingProgram } from './messages';
import { modelNames, modelsFolder } from './models';
import { isLanguageOn, isOn, writeSetting, type Languages } from './settings';
import { statsPage } from './statsPage';

export function registerCommands(controller: Controller): vscode.Disposable[] {
  const commands: Record<string, () => unknown> = {
    'foretell.menu': () => showMenu(controller),
    'foretell.toggle': toggle,
    'foretell.toggleLanguage': toggleLanguage,
    'foretell.trigger': () => vscode.commands.executeCommand('editor.action.inlineSuggest.trigger'),
    'foretell.dismiss': () => dismiss(controller),
    'foretell.restart': () => controller.restart(),
    'foretell.chooseModel': chooseModel,
    'foretell.chooseProgram': chooseProgram,
    'foretell.showStats': () => showStats(controller),
    'foretell.showLog': () => { controller.log.show(); },
    'foretell.doctor': () => { runDoctor(controller); },
  };
  return Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(name, run));
}

async function showMenu(controller: Controller): Promise<void> {
  const language = vscode.window.activeTextEditor?.document.languageId;
  const enabled = vscode.workspace.getConfiguration('foretell.suggest').get<boolean>('enabled', true);
  const entry = (label: string, command: string, detail?: string) => ({ label, command, detail });
  const entries = [
    ...(controller.program ? [] : [entry('$(folder-opened) Select the program…', 'foretell.chooseProgram')]),
    entry(enabled ? '$(circle-slash) Turn off' : '$(sparkle) Turn on', 'foretell.toggle'),
    ...(language && enabled
      ? [entry(`$(code) Turn ${isOn(language) ? 'off' : 'on'} for ${language}`, 'foretell.toggleLanguage')]
      : []),
    entry('$(package) Select a model…', 'foretell.chooseModel'),
    entry('$(graph) Statistics', 'foretell.showStats'),
    entry('$(output) Log', 'foretell.showLog'),
    entry('$(pulse) Doctor', 'foretell.doctor', 'Check the library, the model and your settings'),
    entry('$(debug-restart) Restart the server', 'foretell.restart'),
  ];
  const chosen = await vscode.window.showQuickPick(entries, {
    title: 'Foretell',
    placeHolder: controller.status.failure ?? 'Select an action',
  });
  if (chosen) {
    await vscode.commands.executeCommand(chosen.command);
  }
}

async function toggle(): Promise<void> {
  const suggest = vscode.workspace.getConfiguration('foretell.suggest');
  await writeSetting('suggest.enabled', !suggest.get<boolean>('enabled', true));
}

async function toggleLanguage(): Promise<void> {
  const language = vscode.window.activeTextEditor?.document.languageId;
  if (language) {
    const suggest = vscode.workspace.getConfiguration('foretell.suggest');
    const languages = { ...suggest.get<Languages>('languages', {}) };
    languages[language] = !isLanguageOn(languages, language);
    await writeSetting('suggest.languages', languages);
  }
}

/**
 * Hides the suggestion on screen, whichever extension provided it: VS Code runs no other command
 * for the key.
 */
async function dismiss(controller: Controller): Promise<void> {
  controller.server?.stopStreaming();
  await vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
}

async function chooseModel(): Promise<void> {
  const model = vscode.workspace.getConfiguration('foretell.model');
  const folder = modelsFolder(process.env, homedir());
  const current = model.get('name', '');
  const entries = modelNames(folder).map((name) => ({ label: name, description: name === current ? 'in use' : '' }));
  const other = { label: '$(folder-opened) A bundle in another folder…', description: '' };
  const chosen = await vscode.window.showQuickPick([...entries, other], {
    title: 'Foretell: select a model',
    placeHolder: entries.length ? folder : `No models in ${folder}: run \`foretell setup\``,
  });
  const name = chosen === other ? await chooseFolder() : chosen?.label;
  if (name) {
    await writeSetting('model.name', name);
  }
}

async function chooseFolder(): Promise<string | undefined> {
  const options = { title: 'Select a bundle folder', canSelectFiles: false, canSelectFolders: true };
  return (await vscode.window.showOpenDialog(options))?.[0]?.fsPath;
}

async function chooseProgram(): Promise<void> {
  const [file] = (await vscode.window.showOpenDialog({ title: 'Select the program foretell', canSelectMany: false })) ?? [];
  if (file) {
    await writeSetting('server.path', file.fsPath);
  }
}

async function showStats(controller: Controller): Promise<void> {
  try {
    const stats: unknown = await controller.server?.client.sendRequest('workspace/executeCommand', {
      command: 'foretell.stats',
    });
    const document = await vscode.workspace.openTextDocument({ language: 'markdown', content: statsPage(stats) });
    await vscode.commands.executeCommand('markdown.showPreview', document.uri);
  } catch (error) {
    void vscode.window.showWarningMessage(`Foretell: cannot read the statistics: ${String(error)}`);
  }
}

function runDoctor(controller: Controller): void {
  if (!controller.program) {
    reportMissingProgram();
    return;
  }
  const terminal = vscode.window.createTerminal({
    name: 'Foretell',
    shellPath: controller.program,
    shellArgs: ['doctor'],
  });
  terminal.show();
}
