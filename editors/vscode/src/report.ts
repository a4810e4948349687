/** The server's counts as a page. */

/** A page of Markdown from what `foretell.stats` returns: the counts, and the page that it draws of them. */
export function report(stats: unknown): string {
  const page = (stats as { page?: unknown } | null | undefined)?.page;
  const shown = typeof page === 'string' ? ['```text', page.trimEnd(), '```'] : ['The server counts nothing yet.'];
  return ['# Foretell: this session', '', ...shown, ''].join('\n');
}
