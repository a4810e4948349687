/** The status bar item. */
import * as vscode from 'vscode';

export type State = 'loading' | 'ready' | 'thinking' | 'off' | 'failed';

const ICONS: Record<State, string> = {
  loading: '$(loading~spin)',
  ready: '$(sparkle)',
  thinking: '$(sync~spin)',
  off: '$(circle-slash)',
  failed: '$(warning)',
};

const MESSAGES: Record<State, string> = {
  loading: 'Loading the model.',
  ready: 'Ready.',
  thinking: 'Generating.',
  off: 'Off: no suggestions here.',
  failed: 'No suggestions.',
};

export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('foretell', vscode.StatusBarAlignment.Right, 100);
  private state: State = 'loading';
  private message: string | undefined;
  private remote: string | undefined;

  constructor() {
    this.item.name = 'Foretell';
    this.item.command = 'foretell.menu';
    this.item.show();
  }

  /** Sets the state; `remote` is the address of the remote model server, if there is one. */
  set(state: State, message?: string, remote?: string): void {
    this.state = state;
    this.message = message;
    this.remote = remote;
  }

  /** The message if the state is `failed`. */
  get failure(): string | undefined {
    return this.state === 'failed' ? (this.message ?? MESSAGES.failed) : undefined;
  }

  /** Redraws the item; `isOff` if suggestions are off in the active editor. */
  draw(isOff: boolean): void {
    const state = isOff && this.state !== 'failed' ? 'off' : this.state;
    const message = state === this.state && this.message ? this.message : MESSAGES[state];
    const remote = this.remote ? `\nThe text around the cursor is sent to ${this.remote}.` : '';
    this.item.text = `${ICONS[state]} Foretell${this.remote ? ' $(cloud)' : ''}`;
    this.item.tooltip = `Foretell: ${message}${remote}\nClick for more.`;
    this.item.accessibilityInformation = { label: `Foretell, ${state}`, role: 'button' };
    this.item.backgroundColor =
      state === 'failed' ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
  }

  dispose(): void {
    this.item.dispose();
  }
}
