/** Runs `foretell setup` and `foretell model add`, with a progress bar that can be cancelled. */
import * as vscode from 'vscode';
import type { Controller } from './controller';
import { reportMissingProgram } from './messages';
import { runProgram, type Result } from './program';

/** A line of progress, such as `qwen2.5-coder-0.5b: 40 %`. */
export function parseProgress(line: string): { title: string; percent: number } | undefined {
  const [, title, percent] = /^(.*?):?\s*(\d{1,3}) ?%/.exec(line) ?? [];
  return title !== undefined && percent !== undefined ? { title, percent: Math.min(100, Number(percent)) } : undefined;
}

/** Runs the program while a notification shows its output line by line. */
function runWithProgress(controller: Controller, program: string, args: string[], title: string): Thenable<Result> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, (progress, token) => {
    const abort = new AbortController();
    token.onCancellationRequested(() => { abort.abort(); });
    let current = { title: '', percent: 0 };
    const onLine = (line: string) => {
      controller.log.info(line);
      const step = parseProgress(line);
      if (step) {
        const before = step.title === current.title ? current.percent : 0;
        progress.report({ message: line, increment: Math.max(0, step.percent - before) });
        current = step;
      } else if (!/^\s/.test(line)) {
        // Indented lines are details of the line before, and `from` names a file of requirements.
        progress.report({ message: line.replace(/ \(from .*\)$/, '') });
      }
    };
    return runProgram(program, args, { signal: abort.signal, onLine });
  });
}

/**
 * Runs an installation step, then restarts the server. Returns whether it succeeded; a failure is
 * shown with its last line, unless the user cancelled.
 */
export async function install(controller: Controller, args: string[], title: string): Promise<boolean> {
  const { program } = controller;
  if (!program) {
    reportMissingProgram();
    return false;
  }
  const { code, stderr } = await runWithProgress(controller, program, args, title);
  if (code === 0) {
    await controller.restart();
    return true;
  }
  if (code !== undefined) {
    const reason = stderr.trim().split('\n').at(-1) ?? '';
    const button = await vscode.window.showErrorMessage(`${title} failed: ${reason}`, 'Try again', 'Log');
    if (button === 'Try again') {
      return install(controller, args, title);
    }
    if (button === 'Log') {
      controller.log.show();
    }
  }
  return false;
}

/** Downloads ONNX Runtime and the model that suits this machine. */
export async function setUp(controller: Controller): Promise<void> {
  if (await install(controller, ['setup'], 'Foretell: set up')) {
    void vscode.window.showInformationMessage('Foretell is set up. Suggestions appear while you type.');
  }
}
