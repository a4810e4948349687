/** Has VS Code ask once more at a place where it has asked already. */
import * as vscode from 'vscode';

/** How long an ask is waited for. */
const PATIENCE_MS = 300;
/** How often in a row VS Code may pass over an ask. */
const MAX_ASKS = 5;

export type Answer = vscode.InlineCompletionItemProvider['provideInlineCompletionItems'];

/** The first VS Code whose command takes a provider and can be told not to be explicit. */
const FIRST_VERSION = [1, 106] as const;

/** Whether VS Code can replace what it shows by a longer text in one step, without a gap. */
export function canRetrigger(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > FIRST_VERSION[0] || (major === FIRST_VERSION[0] && minor >= FIRST_VERSION[1]);
}

/**
 * A provider that VS Code has asked at a cursor of a version of a document is not asked there again,
 * unless explicitly, which keeps the old text in front. A provider that was registered since is, and
 * its texts take the place of those on the screen in one step. Of several, the newest is taken.
 */
export class Retrigger implements vscode.Disposable {
  private registered: vscode.Disposable[] = [];

  constructor(
    private readonly selector: vscode.DocumentSelector,
    private readonly extensionId: string,
  ) {}

  /**
   * Has VS Code ask where the cursor is, and waits until it has. `answer` is called once, or never:
   * VS Code may be busy with what it asked before.
   */
  private async ask(answer: Answer): Promise<void> {
    let once: Answer | undefined = answer;
    const provideInlineCompletionItems: Answer = (...request) => {
      const [now, later] = [once, undefined];
      once = later;
      return now?.(...request);
    };
    this.registered.push(
      vscode.languages.registerInlineCompletionItemProvider(this.selector, { provideInlineCompletionItems }),
    );
    // The one before belongs to what is on the screen until it is replaced.
    if (this.registered.length > 2) {
      this.registered.shift()?.dispose();
    }
    const asked = vscode.commands.executeCommand('editor.action.inlineSuggest.trigger', {
      providerId: `${this.extensionId}:*`,
      explicit: false,
    });
    await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
  }

  /** The same until VS Code has asked, which it may never do; says whether it has. */
  async askUntilHeard(answer: Answer): Promise<boolean> {
    const heard: true[] = [];
    for (let n = 0; n < MAX_ASKS && heard.length === 0; n += 1) {
      await this.ask((...request) => {
        heard.push(true);
        return answer(...request);
      });
    }
    return heard.length > 0;
  }

  dispose(): void {
    this.registered.forEach((it) => { it.dispose(); });
    this.registered = [];
  }
}
