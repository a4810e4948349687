/** The status bar item. */
import * as vscode from 'vscode';
import { withoutBackticks } from './messages';
import { explain } from './reasons';

export type State = 'loading' | 'ready' | 'thinking' | 'off' | 'failed';

/** `foretell/status` (docs/protocol.md). */
export interface ServerStatus {
  state: State;
  /** A sentence for `reason`; without a reason, what went wrong or is degraded. */
  message?: string;
  /** The code for why the last request got no suggestion. */
  reason?: string;
  /** The address of the remote model server, if there is one. */
  remote?: string;
}

/** Shorter generations do not change the icon. */
const SPINNER_DELAY_MS = 500;

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
  private current: ServerStatus = { state: 'loading' };
  /** Why suggestions are off in the active editor. */
  private off: string | undefined;
  private spinner: NodeJS.Timeout | undefined;

  constructor() {
    this.item.name = 'Foretell';
    this.item.command = 'foretell.menu';
    this.item.show();
  }

  set(status: ServerStatus): void {
    clearTimeout(this.spinner);
    if (status.state === 'thinking' && this.current.state === 'ready') {
      this.spinner = setTimeout(() => { this.show(status); }, SPINNER_DELAY_MS);
    } else {
      this.show(status);
    }
  }

  /** The message if the state is `failed`. */
  get failure(): string | undefined {
    return this.current.state === 'failed' ? (this.current.message ?? MESSAGES.failed) : undefined;
  }

  /** Whether the model takes requests. */
  get isReady(): boolean {
    return this.current.state === 'ready' || this.current.state === 'thinking';
  }

  /** The address of the remote model server, if there is one. */
  get remote(): string | undefined {
    return this.current.remote;
  }

  /** Why the last request got no suggestion, as a sentence. */
  get reason(): string | undefined {
    const { state, reason, message } = this.current;
    return reason !== undefined && state !== 'failed' ? explain(reason, message) : undefined;
  }

  /** Redraws the item; `off` says why suggestions are off in the active editor. */
  draw(off: string | undefined): void {
    this.off = off;
    this.show(this.current);
  }

  private show(status: ServerStatus): void {
    this.current = status;
    const isOff = this.off !== undefined && status.state !== 'failed';
    const state = isOff ? 'off' : status.state;
    const sentence = (isOff ? this.off : (this.reason ?? status.message)) ?? MESSAGES[state];
    const message = withoutBackticks(sentence);
    this.item.text = `${ICONS[state]} Foretell${status.remote ? ' $(cloud)' : ''}`;
    this.item.tooltip = [
      `Foretell: ${message}`,
      ...(status.remote ? [`The text around the cursor is sent to ${status.remote}.`] : []),
      'Click for more.',
    ].join('\n');
    this.item.accessibilityInformation = { label: `Foretell, ${state}. ${message}`, role: 'button' };
    this.item.backgroundColor =
      state === 'failed' ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
  }

  dispose(): void {
    clearTimeout(this.spinner);
    this.item.dispose();
  }
}
