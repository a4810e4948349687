/** The page of statistics, from the counts of the server (`foretell.stats`, `foretell stats --json`). */
import { escapeHtml, figures, folded, type Figure } from './page';

type Tally = Partial<Record<string, number>>;

/** The counts that are shown. Another version of the server may omit any field. */
export interface Counts {
  offers?: number;
  accepted?: { whole?: number; partly?: number; chars?: number };
  probability?: { accepted?: Tally; dismissed?: Tally };
  first_text_ms?: Tally;
  other_text_ms?: Tally;
}

/** The number of buckets per doubling of the time. */
const BUCKETS_PER_OCTAVE = 8;

/** The lowest tenth of probability at which the model counts as sure. */
const SURE_TENTH = 8;

/** The median in milliseconds of times in buckets. */
export function medianMs(times: Tally = {}): number | undefined {
  const buckets = Object.entries(times)
    .map(([bucket, n]) => ({ bucket: Number(bucket), n: n ?? 0 }))
    .sort((a, b) => a.bucket - b.bucket);
  let rest = Math.ceil(buckets.reduce((sum, { n }) => sum + n, 0) / 2);
  const found = buckets.find(({ n }) => (rest -= n) <= 0);
  return found && 2 ** (found.bucket / BUCKETS_PER_OCTAVE);
}

/** A time with two digits: `85 ms`, `1.3 s`. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) {
    return '–';
  }
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function percent(part: number, all: number): string {
  return all === 0 ? '–' : `${((100 * part) / all).toFixed(0)} %`;
}

const sum = (tally: Tally = {}, from = 0): number =>
  Object.entries(tally).reduce((total, [tenth, n]) => total + (Number(tenth) >= from ? (n ?? 0) : 0), 0);

function summary(counts: Counts): Figure[] {
  const { offers = 0, accepted: { whole = 0, partly = 0, chars = 0 } = {}, probability = {} } = counts;
  const sure = sum(probability.accepted, SURE_TENTH);
  const all = sum(probability.accepted) + sum(probability.dismissed);
  return [
    { label: 'Suggestions shown', value: String(offers) },
    { label: 'Accepted', value: percent(whole, offers), note: `${String(whole)} whole, ${String(partly)} in part` },
    { label: 'Characters saved', value: String(chars), note: 'not typed by you' },
    { label: 'Typical wait', value: duration(medianMs(counts.first_text_ms)), note: 'for the first words' },
    {
      label: 'Confidence',
      value: percent(sure, sure + sum(probability.dismissed, SURE_TENTH)),
      note: all === 0 ? 'not enough suggestions yet' : 'accepted if the model was sure',
    },
  ];
}

function byProbability({ accepted = {}, dismissed = {} }: NonNullable<Counts['probability']>): string {
  const rows = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    .map((tenth) => ({ tenth, yes: accepted[tenth] ?? 0, no: dismissed[tenth] ?? 0 }))
    .filter(({ yes, no }) => yes + no > 0)
    .map(({ tenth, yes, no }) =>
      `<tr><td>${String(10 * tenth)} to ${String(10 * tenth + 10)} %</td><td>${String(yes + no)}</td><td>${percent(yes, yes + no)}</td></tr>`,
    );
  const head = '<tr><th>Probability</th><th>shown</th><th>accepted</th></tr>';
  return rows.length ? `<h2>By confidence</h2><table>${head}${rows.join('')}</table>` : '';
}

/** The body of the page: this session, all sessions if they are kept, then the server's details. */
export function statsPage(session: unknown, all?: unknown): string {
  const { page, counts } = (session ?? {}) as { page?: unknown; counts?: Counts };
  const kept = (all ?? {}) as { all?: Counts; sessions?: number };
  const number = new Intl.NumberFormat('en').format(kept.sessions ?? 0);
  return [
    '<h2>This session</h2>',
    counts ? figures(summary(counts)) : '<p>No statistics yet.</p>',
    kept.all && kept.sessions !== 0 ? `<h2>All sessions on this machine (${number})</h2>${figures(summary(kept.all))}` : '',
    byProbability((kept.all ?? counts)?.probability ?? {}),
    '<p>These are numbers without code or file names. They stay on this machine.</p>',
    typeof page === 'string' ? folded('Details of this session', `<pre>${escapeHtml(page)}</pre>`) : '',
  ].join('');
}
