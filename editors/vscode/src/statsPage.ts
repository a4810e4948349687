/** The page of the session's statistics. */

/** A Markdown page from the result of `foretell.stats`, which includes the statistics as text. */
export function statsPage(stats: unknown): string {
  const page = (stats as { page?: unknown } | null | undefined)?.page;
  const shown = typeof page === 'string' ? ['```text', page.trimEnd(), '```'] : ['No statistics yet.'];
  return ['# Foretell: this session', '', ...shown, ''].join('\n');
}
