/** VS Code's client of language servers, which can be ended whatever its program does. */
import { LanguageClient } from 'vscode-languageclient/node';

/** How long the server may take to end after it was asked to, until it is killed. */
const PATIENCE_MS = 2000;

/** The library's own client can't be stopped before the program has answered for the first time. */
export class Client extends LanguageClient {
  isEnding = false;

  /** Ends the client and its program for good. */
  async end(): Promise<void> {
    this.isEnding = true;
    if (this.isRunning()) {
      await this.dispose(PATIENCE_MS).catch(() => undefined); // the log says why, and it is killed
    } else {
      this.serverProcess?.kill('SIGKILL');
    }
  }

  protected override async createMessageTransports(encoding: string) {
    const transports = await super.createMessageTransports(encoding);
    if (this.isEnding) {
      this.serverProcess?.kill('SIGKILL');
    }
    return transports;
  }

  /** What fails from its end on is in the log, and not on the screen. */
  override error(message: string, data?: unknown, showNotification?: boolean | 'force'): void {
    super.error(message, data, this.isEnding ? false : showNotification);
  }
}
