/** The page of the doctor, from `foretell doctor --json`. */
import { figures, folded, inline } from './page';
import { duration } from './statsPage';

interface Check {
  name: string;
  mark: string;
  text: string;
  to_do: string | null;
  details: string[];
}

export interface Report {
  ok: boolean;
  checks: Check[];
  latency: { first_text_ms: number; next_text_ms: number; line_ms: number } | null;
}

const MARKS: Partial<Record<string, string>> = { good: '✓', attention: '!', bad: '✗' };

/** Checks of other editors and of the shell, which do not concern VS Code. */
const ELSEWHERE = new Set(['command', 'editor']);

function row({ name, mark, text, to_do }: Check): string {
  const symbol = `<span class="mark" role="img" aria-label="${inline(mark)}">${MARKS[mark] ?? '–'}</span>`;
  const toDo = to_do ? `<p class="to-do">${inline(to_do)}</p>` : '';
  const kind = mark in MARKS ? mark : 'none';
  return `<tr><td class="${kind}">${symbol}</td><th>${inline(name)}</th><td><p>${inline(text)}</p>${toDo}</td></tr>`;
}

/** The body of the page: the verdict, the latency, the checks, and the details of all checks. */
export function doctorPage({ ok, checks, latency }: Report): string {
  const here = checks.filter(({ name }) => !ELSEWHERE.has(name));
  const details = here.filter((it) => it.details.length > 0);
  const list = (lines: string[]) => `<ul>${lines.map((line) => `<li>${inline(line)}</li>`).join('')}</ul>`;
  return [
    `<p>${ok ? 'Suggestions work on this machine.' : 'Suggestions do not work yet. ✗ marks what to fix.'}</p>`,
    latency
      ? figures([
          { label: 'First suggestion', value: duration(latency.first_text_ms), note: 'in a new file' },
          { label: 'Next suggestion', value: duration(latency.next_text_ms), note: 'while you type' },
          { label: 'Each line', value: duration(latency.line_ms) },
        ])
      : '',
    `<table>${here.map(row).join('')}</table>`,
    details.length ? folded('Details', details.map((it) => `<h3>${inline(it.name)}</h3>${list(it.details)}`).join('')) : '',
  ].join('');
}
