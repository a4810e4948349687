/** The entry point: activates the extension and wires its parts. */
import * as vscode from 'vscode';
import { registerCommands } from './commands';
import { Controller } from './controller';

let controller: Controller | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const created = new Controller(context);
  controller = created;
  context.subscriptions.push(
    created,
    ...registerCommands(created),
    vscode.window.onDidChangeActiveTextEditor(() => { created.onActiveEditorChanged(); }),
    vscode.workspace.onDidChangeConfiguration((event) => created.onConfigurationChanged(event)),
    // The server learns at its start whether it may read the workspace's foretell.toml.
    vscode.workspace.onDidGrantWorkspaceTrust(() => created.restart()),
  );
  await created.restart();
}

export async function deactivate(): Promise<void> {
  await controller?.stop();
}
