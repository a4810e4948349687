//! The server's stream: server-sent events (HTML Living Standard, section 9.2), each with a chunk
//! of OpenAI's text completion as JSON, and `[DONE]` at the end.

use serde::Deserialize;

use super::excerpt::excerpt;

/// The longest event, in bytes; the server is untrusted.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// The content of an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TextChunk {
    /// The text.
    pub(super) text: String,
    /// Whether the text ends because it reached the requested length.
    pub(super) is_cut_short: bool,
    /// The log-probability of the text, if the server sends one for each token.
    pub(super) log_probability: Option<f32>,
}

/// Decodes bytes into chunks as soon as their lines are complete.
#[derive(Debug, Default)]
pub(super) struct SseDecoder {
    bytes: Vec<u8>,
    /// How many of them were decoded.
    n_read: usize,
    is_done: bool,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    text: Option<String>,
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<LogProbs>,
}

/// llama.cpp's server uses the format of chat completions for text completions, too.
#[derive(Deserialize)]
struct LogProbs {
    #[serde(default)]
    token_logprobs: Option<Vec<Option<f32>>>,
    #[serde(default)]
    content: Option<Vec<TokenLogProb>>,
}

#[derive(Deserialize)]
struct TokenLogProb {
    logprob: f32,
}

impl LogProbs {
    /// The sum of all; `None` if one is missing.
    fn sum(self) -> Option<f32> {
        let all: Vec<Option<f32>> = match (self.token_logprobs, self.content) {
            (Some(all), _) => all,
            (None, Some(all)) => all.into_iter().map(|it| Some(it.logprob)).collect(),
            (None, None) => return None,
        };
        all.into_iter().sum::<Option<f32>>().filter(|it| !it.is_nan())
    }
}

impl SseDecoder {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.n_read);
        self.n_read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether the server sent `[DONE]`.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// The next chunk, if its line is complete; an error says what the server did.
    pub(super) fn next(&mut self) -> Result<Option<TextChunk>, String> {
        let is_end = |byte: &u8| *byte == b'\n';
        while let Some(n_bytes) = self.bytes[self.n_read..].iter().position(is_end) {
            let line = &self.bytes[self.n_read..self.n_read + n_bytes];
            self.n_read += n_bytes + 1;
            let line = line.trim_ascii_end();
            // Comments, event names and blank lines carry nothing here.
            let Some(data) = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii_start) else {
                continue;
            };
            if data == b"[DONE]" {
                self.is_done = true;
                continue;
            }
            let chunk: Chunk = serde_json::from_slice(data).map_err(|error| {
                let what = excerpt(&error);
                format!("sent an event that is not a completion chunk: {what}")
            })?;
            if let Some(error) = chunk.error {
                return Err(format!("reports an error: {}", excerpt(&error)));
            }
            let Some(choice) = chunk.choices.into_iter().next() else { continue };
            return Ok(Some(TextChunk {
                text: choice.text.unwrap_or_default(),
                is_cut_short: choice.finish_reason.as_deref() == Some("length"),
                log_probability: choice.logprobs.and_then(LogProbs::sum),
            }));
        }
        if self.bytes.len() - self.n_read > MAX_EVENT_BYTES {
            return Err("sent an event of more than 1 MB".into());
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(parts: &[&[u8]]) -> Result<(String, bool, bool), String> {
        let (mut events, mut text, mut is_cut_short) =
            (SseDecoder::default(), String::new(), false);
        for part in parts {
            events.push(part);
            while let Some(piece) = events.next()? {
                text.push_str(&piece.text);
                is_cut_short |= piece.is_cut_short;
            }
        }
        Ok((text, is_cut_short, events.is_done()))
    }

    const STREAM: &str = ": a comment\r\n\
        data: {\"choices\": [{\"text\": \"ä\", \"index\": 0}]}\r\n\r\n\
        event: x\ndata:{\"choices\":[{\"text\":\"b\",\"finish_reason\":null}]}\n\n\
        data: {\"choices\": []}\n\n\
        data: {\"choices\": [{\"text\": \"\", \"finish_reason\": \"length\"}]}\n\n\
        data: [DONE]\n\n";

    proptest! {
        #[test]
        fn chunk_boundaries_do_not_matter(cut in 0..STREAM.len()) {
            let (head, tail) = STREAM.as_bytes().split_at(cut);
            prop_assert_eq!(pieces(&[head, tail]), Ok(("äb".into(), true, true)));
        }
    }

    #[test]
    fn log_probabilities_are_summed() {
        let of = |logprobs: &str| {
            let mut events = SseDecoder::default();
            let event =
                format!("data: {{\"choices\":[{{\"text\":\"ab\",\"logprobs\":{logprobs}}}]}}\n");
            events.push(event.as_bytes());
            events.next().unwrap().unwrap().log_probability
        };
        assert_eq!(of("{\"tokens\":[\"a\",\"b\"],\"token_logprobs\":[-0.5,-1.0]}"), Some(-1.5));
        assert_eq!(of("{\"content\":[{\"token\":\"ab\",\"logprob\":-0.25}]}"), Some(-0.25));
        assert_eq!(of("{\"token_logprobs\":[null]}"), None);
        assert_eq!(of("null"), None);
        assert_eq!(of("{}"), None);
    }

    #[test]
    fn invalid_completion_is_an_error() {
        let error = |text: &str| pieces(&[text.as_bytes()]).unwrap_err();
        assert!(error("data: {\"choices\": 3}\n").contains("not a completion chunk"));
        assert!(error("data: <html>\n").contains("not a completion chunk"));
        assert!(error("data: {\"error\": {\"message\": \"full\"}}\n").contains("full"));
        assert!(pieces(&[&vec![b'x'; MAX_EVENT_BYTES + 1]]).unwrap_err().contains("1 MB"));
    }

    #[test]
    fn millions_of_empty_lines_are_skipped() {
        let lines = vec![b'\n'; 4_000_000];
        assert_eq!(pieces(&[&lines, STREAM.as_bytes()]), Ok(("äb".into(), true, true)));
    }
}
