/** The menu of the status bar. */
import * as vscode from 'vscode';
import type { Controller } from './controller';
import { isOn } from './settings';
import { duration, medianMs, type Counts } from './statsPage';

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

/** How long the menu waits for the server, which responds at once unless it hangs. */
const PATIENCE_MS = 300;

/** A part of the result of `foretell.stats` (docs/protocol.md). */
export interface Stats {
  counts?: Counts;
  engine?: { model: string; provider: string; n_threads: number; prefill_tokens_per_s: number | null } | null;
}

const PROVIDERS: Partial<Record<string, string>> = {
  cpu: 'CPU',
  cuda: 'CUDA',
  coreml: 'Core ML',
  mlx: 'MLX',
  webgpu: 'WebGPU',
};

/** The entry for the model in use, with its measured speed. */
export function modelEntry({ engine, counts }: Stats, remote?: string): { label: string; description?: string; detail: string } {
  if (!engine) {
    return { label: '$(package) Select a model…', detail: remote ? `Suggestions come from ${remote}` : '' };
  }
  const { model, provider, n_threads: nThreads, prefill_tokens_per_s: speed } = engine;
  const threads = provider === 'cpu' ? `, ${String(nThreads)} ${nThreads === 1 ? 'thread' : 'threads'}` : '';
  const waitMs = medianMs(counts?.first_text_ms);
  const measured = [
    ...(waitMs === undefined ? [] : [`First words typically after ${duration(waitMs)}.`]),
    ...(speed === null ? [] : [`Prefill ${speed.toFixed(0)} tokens/s.`]),
  ];
  return {
    label: `$(package) ${model}`,
    description: `${PROVIDERS[provider] ?? provider}${threads}`,
    detail: [...measured, 'Select another model…'].join(' '),
  };
}

/** The server's statistics; empty if it does not respond. */
async function readStats({ server, status }: Controller): Promise<Stats> {
  if (!server || !status.isReady) {
    return {};
  }
  const params = { command: 'foretell.stats' };
  const response = server.client.sendRequest<Stats>('workspace/executeCommand', params).catch(() => ({}));
  return Promise.race([response, new Promise<Stats>((resolve) => { setTimeout(resolve, PATIENCE_MS, {}); })]);
}

export async function showMenu(controller: Controller): Promise<void> {
  const language = vscode.window.activeTextEditor?.document.languageId;
  const settings = vscode.workspace.getConfiguration('foretell');
  const enabled = settings.get<boolean>('suggest.enabled', true);
  const snoozed = controller.snooze.message;
  const model = { ...modelEntry(await readStats(controller), controller.status.remote), command: 'foretell.chooseModel' };
  const entry = (label: string, command: string, detail?: string) => ({ label, command, detail });
  const entries = [
    ...(controller.status.isReady ? [model] : []),
    ...(controller.program ? [] : [entry('$(folder-opened) Select the program…', 'foretell.chooseProgram')]),
    ...(controller.status.failure ? [entry('$(cloud-download) Set up', 'foretell.setup', 'Download ONNX Runtime and a model')] : []),
    entry(enabled ? '$(circle-slash) Turn off' : '$(sparkle) Turn on', 'foretell.toggle'),
    ...(language && enabled
      ? [entry(`$(code) Turn ${isOn(language) ? 'off' : 'on'} for ${languageName(language)}`, 'foretell.toggleLanguage')]
      : []),
    snoozed ? entry('$(bell) End the snooze', 'foretell.endSnooze', snoozed) : entry('$(bell-slash) Snooze…', 'foretell.snooze'),
    ...(controller.status.isReady ? [] : [model]),
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
