/**
 * Keeps a suggestion on screen when the user types one of its opening brackets or quotes.
 *
 * VS Code inserts the closer after the cursor, and hides a suggestion that lacks this closer until
 * the next response: `(a, b` where the document has `(|)`. It shows the first visible item of a list,
 * so a second item that ends with the closer takes over in the same frame.
 */

const BRACKETS: Partial<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Languages where VS Code also closes single quotes. In others they may start lifetimes or characters. */
const SINGLE_QUOTES = /^(python|(java|type)script(react)?|ruby|php|shellscript|perl|css|html)$/;

/** The quotes that VS Code closes in a language. */
export function quotesOf(language: string): string {
  return SINGLE_QUOTES.test(language) ? `"'` : '"';
}

/** The maximum number of openers typed before the next response, which brings new items. */
const MAX_OPENERS = 2;

/**
 * What to append to `text` for its unclosed openers: for the first one, for the first two, and so on.
 * `suffix` is the rest of the cursor's line; `quotes` are the language's.
 */
export function missingClosers(text: string, suffix: string, quotes: string): string[] {
  // Elsewhere, VS Code inserts no closers.
  if (!/^(\s|[)\]}>"'`;:,.=]|$)/.test(suffix)) {
    return [];
  }
  // A quote after the cursor closes the string that the cursor is in.
  const open = suffix && quotes.includes(suffix.charAt(0)) ? [suffix.charAt(0)] : [];
  let depth = open.length;
  for (const char of text) {
    const closer = BRACKETS[char];
    if (char === open.at(-1)) {
      open.pop();
      depth = Math.min(depth, open.length);
    } else if (closer) {
      open.push(closer);
    } else if (quotes.includes(char) && !open.some((it) => quotes.includes(it))) {
      open.push(char);
    }
  }
  const missing = open.slice(depth, depth + MAX_OPENERS);
  return missing.map((_, i) => missing.slice(0, i + 1).reverse().join(''));
}
