/** The server's counts as a page. */

function rows(value: object, indent: string): string[] {
  return Object.entries(value).flatMap(([key, it]: [string, unknown]) => {
    const name = key.replaceAll('_', ' ');
    if (typeof it === 'object' && it !== null) {
      return [`${indent}- **${name}**`, ...rows(it, `${indent}  `)];
    }
    const shown = typeof it === 'number' && !Number.isInteger(it) ? it.toFixed(1) : JSON.stringify(it);
    return [`${indent}- ${name}: ${shown}`];
  });
}

/** A page of Markdown from what `foretell.stats` returns. */
export function report(stats: unknown): string {
  const lines = typeof stats === 'object' && stats !== null ? rows(stats, '') : ['The server counts nothing yet.'];
  return ['# Foretell: this session', '', ...lines, ''].join('\n');
}
