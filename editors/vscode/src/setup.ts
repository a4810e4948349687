/** Runs `foretell setup` and `foretell model add`, with a progress bar that can be cancelled. */
import * as vscode from 'vscode';
import type { Controller } from './controller';
import { reportMissingProgram } from './messages';
import { runProgram, type Result } from './program';

/** A line of `--progress json`: see docs/protocol.md. */
export interface Step {
  stage: string;
  message: string;
  done_bytes?: number;
  total_bytes?: number;
}

/** A line of progress; undefined if it is something else. */
export function parseProgress(line: string): Step | undefined {
  try {
    const step = JSON.parse(line) as Partial<Step> | null;
    return typeof step?.stage === 'string' && typeof step.message === 'string' ? (step as Step) : undefined;
  } catch {
    return undefined;
  }
}

/** How far a step is, from 0 to 100; undefined if its size is unknown. */
export function percent({ done_bytes: done, total_bytes: total }: Step): number | undefined {
  return done === undefined || !total ? undefined : Math.min(100, (100 * done) / total);
}

/** Runs the program while a notification shows its progress. */
function runWithProgress(controller: Controller, program: string, args: string[], title: string): Thenable<Result> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, (progress, token) => {
    const abort = new AbortController();
    token.onCancellationRequested(() => { abort.abort(); });
    let current = { message: '', percent: 0 };
    const onLine = (line: string) => {
      const step = parseProgress(line);
      const done = step && percent(step);
      if (!step || done === undefined) {
        controller.log.info(step?.message ?? line);
        progress.report({ message: (step?.message ?? line).split('\n')[0] });
        return;
      }
      const before = step.message === current.message ? current.percent : 0;
      progress.report({ message: `${step.message}: ${done.toFixed(0)} %`, increment: Math.max(0, done - before) });
      current = { message: step.message, percent: done };
    };
    return runProgram(program, [...args, '--progress', 'json'], { signal: abort.signal, onLine });
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
