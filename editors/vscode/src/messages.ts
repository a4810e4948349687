/** The notifications and their buttons, in editor terms. */
import * as vscode from 'vscode';

/** Descriptions of the machines of remote windows, by VS Code's names. */
const MACHINES: Partial<Record<string, string>> = {
  'ssh-remote': 'the SSH host',
  wsl: 'WSL',
  'dev-container': 'the container',
  'attached-container': 'the container',
};

/** The machine where this extension runs, where the program and the model must be installed. */
function here(): string {
  const { remoteName } = vscode.env;
  return remoteName ? ` on ${MACHINES[remoteName] ?? 'the remote machine'}` : '';
}

export function missingProgram(): string {
  return `The program \`foretell\` is not installed${here()}.`;
}

/** Explains a failure of the server in editor terms. The original message is in the log. */
export function describeFailure(message: string): string {
  if (message.startsWith('no model at')) {
    const name = /^no model at (.*?):/.exec(message)?.[1]?.split(/[/\\]/).at(-1) ?? '';
    return `The model ${name} is not installed${here()}. Set up downloads one.`;
  }
  if (message.includes('the ONNX Runtime library was not found')) {
    return `ONNX Runtime, which runs the model, is not installed${here()}. Set up downloads it.`;
  }
  if (message.includes('model bundle is incomplete')) {
    return 'The model is incomplete. Set up downloads the rest.';
  }
  return message;
}

/** The commands behind the buttons of a notification. */
const BUTTONS = {
  'Set up': 'foretell.setup',
  'Select the program…': 'foretell.chooseProgram',
  'Try again': 'foretell.restart',
  'Select a model…': 'foretell.chooseModel',
  Doctor: 'foretell.doctor',
  Log: 'foretell.showLog',
  'How to install': 'foretell.openWalkthrough',
};

/** For notifications and tooltips, which do not format code. */
export const withoutBackticks = (text: string): string => text.replaceAll('`', '');

function warn(text: string, buttons: (keyof typeof BUTTONS)[]): void {
  void vscode.window.showWarningMessage(`Foretell: ${withoutBackticks(text)}`, ...buttons).then((button) => {
    if (button) {
      void vscode.commands.executeCommand(BUTTONS[button]);
    }
  });
}

export function reportMissingProgram(): void {
  warn(missingProgram(), ['How to install', 'Select the program…', 'Try again']);
}

export function reportFailure(failure: string): void {
  warn(failure, failure.includes('Set up downloads') ? ['Set up', 'Select a model…', 'Log'] : ['Doctor', 'Log']);
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
