/** Runs the program `foretell` for one task. */
import { spawn } from 'node:child_process';

export interface Result {
  /** The exit code; undefined if the program was cancelled or could not start. */
  code: number | undefined;
  stdout: string;
  /** The last lines of standard error, which explain a failure. */
  stderr: string;
}

export interface RunOptions {
  signal?: AbortSignal;
  /** Called with each line of output. */
  onLine?: (line: string) => void;
}

/** Runs the program to its end. Cancelling interrupts it and the programs it started. */
export function runProgram(program: string, args: string[], { signal, onLine }: RunOptions = {}): Promise<Result> {
  return new Promise((resolve) => {
    const isWindows = process.platform === 'win32';
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: !isWindows, windowsHide: true });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      let rest = '';
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] = name === 'stderr' ? (output.stderr + text).slice(-4000) : output.stdout + text;
        const lines = (rest + text).split(/[\r\n]+/);
        rest = lines.pop() ?? '';
        lines.filter(Boolean).forEach((line) => onLine?.(line));
      });
    }
    signal?.addEventListener('abort', () => {
      if (child.pid !== undefined && !isWindows) {
        process.kill(-child.pid, 'SIGINT'); // its process group
      } else {
        child.kill();
      }
    });
    child.on('error', (error) => { resolve({ ...output, code: undefined, stderr: error.message }); });
    child.on('close', (code) => { resolve({ ...output, code: code ?? undefined }); });
  });
}

/** The parsed output of `foretell ... --json`. */
export async function readJson(program: string, args: string[], options?: RunOptions): Promise<unknown> {
  const { stdout, stderr } = await runProgram(program, [...args, '--json'], options);
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(stderr.trim() || `${program} ${args.join(' ')} printed no JSON`);
  }
}
