/** The session's statistics as Markdown, from the result of the command `foretell.stats`. */
export function statsPage(stats: unknown): string {
  const text = (stats as { page?: unknown } | null | undefined)?.page;
  const body = typeof text === 'string' ? ['```text', text.trimEnd(), '```'] : ['No statistics yet.'];
  return ['# Foretell: this session', '', ...body, ''].join('\n');
}
