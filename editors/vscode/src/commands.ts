/** The commands of the palette, the status bar menu and the keys. */
import * as vscode from 'vscode';
import type { Controller } from './controller';
import { doctorPage, type Report } from './doctorPage';
import { showMenu } from './menu';
import { reportMissingProgram } from './messages';
import { chooseModel, modelOption } from './models';
import { showPage } from './page';
import { readJson } from './program';
import { isLanguageOn, writeSetting, type Languages } from './settings';
import { setUp } from './setup';
import { statsPage } from './statsPage';

export function registerCommands(controller: Controller): vscode.Disposable[] {
  const { executeCommand } = vscode.commands;
  const commands: Record<string, () => unknown> = {
    'foretell.menu': () => showMenu(controller),
    'foretell.toggle': toggle,
    'foretell.toggleLanguage': toggleLanguage,
    'foretell.snooze': () => controller.snooze.choose(),
    'foretell.endSnooze': () => { controller.snooze.end(); },
    'foretell.trigger': () => executeCommand('editor.action.inlineSuggest.trigger'),
    'foretell.dismiss': () => dismiss(controller),
    'foretell.nextEdit': () => goToOrAcceptNextEdit(controller),
    'foretell.acceptNextEdit': () => controller.server?.nextEdits.accept(),
    'foretell.rejectNextEdit': () => controller.server?.nextEdits.reject(),
    'foretell.restart': () => controller.restart(),
    'foretell.setup': () => setUp(controller),
    'foretell.chooseModel': () => chooseModel(controller),
    'foretell.chooseProgram': chooseProgram,
    'foretell.openWalkthrough': () => executeCommand('workbench.action.openWalkthrough', 'foretell.foretell#start', false),
    'foretell.openSettings': () => executeCommand('workbench.action.openSettings', '@ext:foretell.foretell'),
    'foretell.openKeys': () => executeCommand('workbench.action.openGlobalKeybindings', 'inline suggestion'),
    'foretell.tryIt': tryIt,
    'foretell.showStats': () => showStats(controller),
    'foretell.showLog': () => { controller.log.show(); },
    'foretell.doctor': () => runDoctor(controller),
  };
  return Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(name, run));
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

/** Indents if there is no edit: VS Code may call this before it knows that the key has its usual meaning again. */
async function goToOrAcceptNextEdit(controller: Controller): Promise<void> {
  if (!(await controller.server?.nextEdits.goOrAccept())) {
    await vscode.commands.executeCommand('tab');
  }
}

async function chooseProgram(): Promise<void> {
  const [file] = (await vscode.window.showOpenDialog({ title: 'Select the program foretell', canSelectMany: false })) ?? [];
  if (file) {
    await writeSetting('server.path', file.fsPath);
  }
}

/** Opens a file to type into, for the walkthrough. */
async function tryIt(): Promise<void> {
  const content = 'def is_even(number):\n    """Whether a number is even."""\n    return number % 2 == 0\n\n\ndef is_odd(number):\n';
  const document = await vscode.workspace.openTextDocument({ language: 'python', content });
  const editor = await vscode.window.showTextDocument(document);
  const end = document.positionAt(content.length);
  editor.selection = new vscode.Selection(end, end);
}

async function showStats(controller: Controller): Promise<void> {
  try {
    const session: unknown = await controller.server?.client.sendRequest('workspace/executeCommand', {
      command: 'foretell.stats',
    });
    const all = controller.program && (await readJson(controller.program, ['stats']).catch(() => undefined));
    showPage('Foretell: statistics', statsPage(session, all));
  } catch (error) {
    void vscode.window.showWarningMessage(`Foretell: cannot read the statistics: ${String(error)}`);
  }
}

async function runDoctor(controller: Controller): Promise<void> {
  const { program } = controller;
  if (!program) {
    reportMissingProgram();
    return;
  }
  const options = { location: vscode.ProgressLocation.Notification, title: 'Foretell: measuring…', cancellable: true };
  await vscode.window.withProgress(options, async (_, token) => {
    const abort = new AbortController();
    token.onCancellationRequested(() => { abort.abort(); });
    try {
      const report = (await readJson(program, ['doctor', ...modelOption()], { signal: abort.signal })) as Report;
      showPage('Foretell: doctor', doctorPage(report));
    } catch (error) {
      if (!token.isCancellationRequested) {
        void vscode.window.showWarningMessage(`Foretell: the doctor failed: ${String(error)}`);
      }
    }
  });
}
