/** The notifications, with their buttons. */
import * as vscode from 'vscode';

export const MISSING_PROGRAM =
  'cannot find the program `foretell`. Install it (`make install` in its source) or select it.';

export function reportMissingProgram(): void {
  void vscode.window
    .showWarningMessage(`Foretell: ${MISSING_PROGRAM}`, 'Select the program…', 'Try again')
    .then((choice) => {
      if (choice) {
        void vscode.commands.executeCommand(choice === 'Try again' ? 'foretell.restart' : 'foretell.chooseProgram');
      }
    });
}

export function reportFailure(failure: string): void {
  void vscode.window.showWarningMessage(`Foretell: ${failure}`, 'Doctor', 'Log').then((choice) => {
    if (choice) {
      void vscode.commands.executeCommand(choice === 'Log' ? 'foretell.showLog' : 'foretell.doctor');
    }
  });
}

/** VS Code shows one suggestion at a time: with a second extension, either may win. */
export function noteOtherExtensions(globalState: vscode.Memento): void {
  const other = ['GitHub.copilot', 'GitHub.copilot-chat'].find((id) => vscode.extensions.getExtension(id));
  if (other && !globalState.get('foretell.noted')) {
    void globalState.update('foretell.noted', true);
    void vscode.window
      .showInformationMessage(
        'Foretell: GitHub Copilot is installed too. Turn off its inline suggestions to see Foretell’s.',
        'Open the setting',
      )
      .then((choice) => {
        if (choice) {
          void vscode.commands.executeCommand('workbench.action.openSettings', 'github.copilot.enable');
        }
      });
  }
}
