/** Why there is no suggestion, for the tooltip of the status bar. */

/** By the server's reason codes (docs/protocol.md). Reasons without value to the user are omitted. */
const REASONS: Partial<Record<string, string>> = {
  not_open: 'this document is not open in the server',
  turned_off: 'suggestions are turned off',
  manual_only: 'suggestions come only on request (foretell.suggest.trigger)',
  language_off: 'suggestions are off for this language',
  excluded: 'this file is excluded (foretell.suggest.exclude)',
  no_context: 'there is no code around the cursor yet',
  rate_limited: 'the limit of generations per minute is reached (foretell.suggest.runs_per_minute)',
  model_loading: 'the model is loading',
  model_failed: 'the model failed; see the log',
  line_end: 'the line is complete',
  block_end: 'the block is complete',
  end_of_text: 'the model expects no more text here',
  suffix_met: 'the model’s text is already there',
  max_lines: 'the suggestion was too long',
  max_tokens: 'the suggestion was too long',
  context_full: 'the text around the cursor is too long for the model',
  not_text: 'the model’s output was not text',
  rest_follows: 'the model’s text does not fit before the rest of the line',
  copy: 'the model repeated the lines above',
  repetition: 'the model repeated itself',
  chat: 'the model wrote a message instead of code',
  marker: 'the model wrote a special token',
  hidden: 'the model’s text had invisible characters',
  syntax_errors: 'the model’s text had syntax errors',
  too_little: 'the suggestion was too short to be useful',
  unsure: 'the model was not sure enough (foretell.suggest.eagerness)',
};

/** The server's message or a sentence for the reason; undefined if there is neither. */
export function explain(reason?: string, message?: string): string | undefined {
  const text = message ?? (reason && (REASONS[reason] ?? reason.replaceAll('_', ' ')));
  return text ? `No suggestion: ${text.replace(/\.$/, '')}.` : undefined;
}
