/** Turns suggestions off for a while. */
import * as vscode from 'vscode';

/** `undefined` minutes stand for the rest of the session. */
const CHOICES: { label: string; minutes: number | undefined }[] = [
  { label: '5 minutes', minutes: 5 },
  { label: '15 minutes', minutes: 15 },
  { label: '1 hour', minutes: 60 },
  { label: 'Until VS Code restarts', minutes: undefined },
];

export class Snooze implements vscode.Disposable {
  private timer: NodeJS.Timeout | undefined;
  private until: Date | 'restart' | undefined;

  constructor(private readonly onChange: () => void) {}

  /** The status message while snoozed. */
  get message(): string | undefined {
    if (this.until === undefined) {
      return undefined;
    }
    const time = this.until === 'restart' ? 'VS Code restarts' : this.until.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    return `Snoozed until ${time}.`;
  }

  async choose(): Promise<void> {
    const chosen = await vscode.window.showQuickPick(CHOICES, { title: 'Foretell: snooze suggestions' });
    if (chosen) {
      this.start(chosen.minutes);
    }
  }

  start(minutes?: number): void {
    clearTimeout(this.timer);
    const ms = (minutes ?? 0) * 60_000;
    this.until = minutes === undefined ? 'restart' : new Date(Date.now() + ms);
    this.timer = minutes === undefined ? undefined : setTimeout(() => { this.end(); }, ms);
    this.onChange();
  }

  end(): void {
    clearTimeout(this.timer);
    this.until = undefined;
    this.onChange();
  }

  dispose(): void {
    clearTimeout(this.timer);
  }
}
