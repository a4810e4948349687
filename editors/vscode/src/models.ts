/** The models to choose from: installed ones and the catalogue. */
import * as vscode from 'vscode';
import type { Controller } from './controller';
import { reportMissingProgram } from './messages';
import { readJson } from './program';
import { writeSetting } from './settings';
import { install } from './setup';

/** A model of `foretell model list --json`. */
export interface Model {
  name: string;
  title: string;
  licence: string;
  /** Its size on disk; null if it is unknown before the download. */
  bytes: number | null;
  /** How it is stored if it is installed, otherwise a remark. */
  note: string;
  is_here: boolean;
  is_used: boolean;
}

interface Choice extends vscode.QuickPickItem {
  model?: Model;
}

export function size(bytes: number | null): string {
  return bytes === null ? 'size unknown' : bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** The entries of the menu: installed models, those to download, and a folder. */
export function choices(models: Model[]): Choice[] {
  const entry = (model: Model, icon: string): Choice => ({
    label: `${icon} ${model.title}`,
    description: [model.is_used ? 'in use' : '', size(model.bytes), model.licence, model.is_here ? '' : model.note].filter(Boolean).join(', '),
    detail: model.name,
    model,
  });
  const heading = (label: string): Choice => ({ label, kind: vscode.QuickPickItemKind.Separator });
  return [
    heading('Installed'),
    ...models.filter((it) => it.is_here).map((it) => entry(it, it.is_used ? '$(check)' : '$(package)')),
    { label: '$(folder-opened) A model in another folder…' },
    heading('Download'),
    ...models.filter((it) => !it.is_here).map((it) => entry(it, '$(cloud-download)')),
  ];
}

async function listModels(program: string): Promise<Model[]> {
  const { models } = (await readJson(program, ['model', 'list', ...modelOption()])) as { models: Model[] };
  return models;
}

/** The option for a model that is set in VS Code, because the program does not read VS Code's settings. */
export function modelOption(): string[] {
  const set = vscode.workspace.getConfiguration('foretell.model').inspect<string>('name');
  const name = set?.workspaceFolderValue ?? set?.workspaceValue ?? set?.globalValue;
  return name ? ['--model', name] : [];
}

export async function chooseModel(controller: Controller): Promise<void> {
  const { program } = controller;
  if (!program) {
    reportMissingProgram();
    return;
  }
  const options = { title: 'Foretell: select a model', placeHolder: 'Larger models are better and slower', matchOnDetail: true };
  const chosen = await vscode.window.showQuickPick<Choice>(listModels(program).then(choices), options);
  const { model } = chosen ?? {};
  if (model && !model.is_here && !(await install(controller, ['model', 'add', model.name], `Foretell: download ${model.title}`))) {
    return;
  }
  const name = chosen && (model?.name ?? (await chooseFolder()));
  if (name) {
    await writeSetting('model.name', name);
  }
}

async function chooseFolder(): Promise<string | undefined> {
  const options = { title: 'Select a bundle folder', canSelectFiles: false, canSelectFolders: true };
  return (await vscode.window.showOpenDialog(options))?.[0]?.fsPath;
}
