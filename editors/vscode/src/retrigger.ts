/** Makes VS Code request inline completions again at a place where it has requested them before. */
import * as vscode from 'vscode';

/** How long to wait for one trigger command. */
const TRIGGER_TIMEOUT_MS = 300;
/** How many triggers in a row VS Code may ignore. */
const MAX_TRIGGERS = 5;

export type Provide = vscode.InlineCompletionItemProvider['provideInlineCompletionItems'];

/** The first VS Code whose trigger command accepts a provider and `explicit: false`. */
const FIRST_VERSION = [1, 106] as const;

/** Whether VS Code can replace the suggestion on screen by a longer one without a gap. */
export function canRetrigger(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > FIRST_VERSION[0] || (major === FIRST_VERSION[0] && minor >= FIRST_VERSION[1]);
}

/**
 * VS Code does not ask a provider twice at the same cursor and document version, unless explicitly,
 * and an explicit request keeps the old text in front. But it does ask a provider that was
 * registered since, and replaces the text on screen by the new provider's in one step. Of several
 * providers, the newest wins.
 */
export class Retrigger implements vscode.Disposable {
  private registered: vscode.Disposable[] = [];

  constructor(
    private readonly selector: vscode.DocumentSelector,
    private readonly extensionId: string,
  ) {}

  /**
   * Triggers one request at the cursor and waits until VS Code has made it, or for the timeout.
   * `provide` is called at most once; never if VS Code is busy with an earlier request.
   */
  private async trigger(provide: Provide): Promise<void> {
    let pending: Provide | undefined = provide;
    const provideInlineCompletionItems: Provide = (...request) => {
      const current = pending;
      pending = undefined;
      return current?.(...request);
    };
    this.registered.push(
      vscode.languages.registerInlineCompletionItemProvider(this.selector, { provideInlineCompletionItems }),
    );
    // The previous provider owns the text on screen until that is replaced, so the last two stay.
    if (this.registered.length > 2) {
      this.registered.shift()?.dispose();
    }
    const triggered = vscode.commands.executeCommand('editor.action.inlineSuggest.trigger', {
      providerId: `${this.extensionId}:*`,
      explicit: false,
    });
    await Promise.race([triggered, new Promise((resolve) => setTimeout(resolve, TRIGGER_TIMEOUT_MS))]);
  }

  /** Triggers until VS Code calls `provide`; false if it ignored all `MAX_TRIGGERS`. */
  async run(provide: Provide): Promise<boolean> {
    const calls: true[] = [];
    for (let n = 0; n < MAX_TRIGGERS && calls.length === 0; n += 1) {
      await this.trigger((...request) => {
        calls.push(true);
        return provide(...request);
      });
    }
    return calls.length > 0;
  }

  dispose(): void {
    this.registered.forEach((it) => { it.dispose(); });
    this.registered = [];
  }
}
