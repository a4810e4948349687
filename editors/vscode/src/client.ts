/** A language client that can be stopped whatever its program does. */
import { LanguageClient } from 'vscode-languageclient/node';

/** How long the server may take to exit after a shutdown request, before it is killed. */
const STOP_TIMEOUT_MS = 2000;

/** `LanguageClient` cannot be stopped before the server has responded to `initialize`. */
export class Client extends LanguageClient {
  isEnding = false;

  /** Stops the client and its program; neither restarts. */
  async end(): Promise<void> {
    this.isEnding = true;
    if (this.isRunning()) {
      // A failure is already logged, and the program is killed.
      await this.dispose(STOP_TIMEOUT_MS).catch(() => undefined);
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

  /** Once the client is ending, errors go to the log only. */
  override error(message: string, data?: unknown, showNotification?: boolean | 'force'): void {
    super.error(message, data, this.isEnding ? false : showNotification);
  }
}
