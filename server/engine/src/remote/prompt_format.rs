//! A prompt as text: the marks of a family are written out, and those in the user's text are not.

use serde::{Deserialize, Serialize};

use crate::bundle::{Fim, FimOrder};

/// How a prompt is written as text (docs/prompt-formats.md).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Qwen2.5-Coder, and models that were taught its marks.
    #[default]
    #[serde(rename = "qwen2.5-coder")]
    Qwen25Coder,
    /// StarCoder, StarCoder 2, Granite, Refact, Stable Code.
    Starcoder,
    /// DeepSeek-Coder.
    DeepseekCoder,
    /// CodeGemma.
    Codegemma,
    /// Code Llama.
    Codellama,
    /// Mellum.
    Mellum,
    /// Seed-Coder.
    SeedCoder,
    /// The server's own: it gets `prompt` and `suffix`.
    Suffix,
}

impl Format {
    /// Every format with marks of its own. Of a server that writes the prompt it is not known which of
    /// them its model has.
    pub const WITH_MARKERS: [Self; 7] = [
        Self::Qwen25Coder,
        Self::Codegemma,
        Self::Starcoder,
        Self::Mellum,
        Self::DeepseekCoder,
        Self::Codellama,
        Self::SeedCoder,
    ];
}

/// The ids of the marks in [`byte_vocabulary`](super::byte_vocabulary).
const PREFIX: u32 = 256;
const SUFFIX: u32 = 257;
const MIDDLE: u32 = 258;

/// What ends a text, or begins another one, in some family: a text of the user must not.
pub const END_MARKERS: [&str; 27] = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|fim_pad|>",
    "<fim_pad>",
    "<|repo_name|>",
    "<repo_name>",
    "<reponame>",
    "<|file_sep|>",
    "<|file_separator|>",
    "<file_sep>",
    "<filename>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",
    "<｜begin▁of▁sentence｜>",
    "<|EOT|>",
    "<EOT>",
    "<bos>",
    "<eos>",
    "<s>",
    "</s>",
    "<[begin▁of▁sentence]>",
    "<[end▁of▁sentence]>",
];

/// How the prompt of a family is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptFormat {
    prefix: &'static str,
    suffix: &'static str,
    middle: &'static str,
    order: FimOrder,
    /// Whether the server writes the prompt.
    is_servers: bool,
}

/// A prompt as it is sent.
#[derive(Debug, PartialEq, Eq)]
pub struct WireParts {
    /// The prompt, markers included where the client writes them.
    pub prompt: String,
    /// The text after the cursor, where the server writes the prompt.
    pub suffix: Option<String>,
}

impl PromptFormat {
    /// The form of a family (docs/prompt-formats.md). Servers write the mark of a text's beginning
    /// themselves.
    pub fn of(format: Format) -> Self {
        use FimOrder::{PrefixSuffixMiddle, SuffixPrefixMiddle};
        let form = |prefix, suffix, middle, order| Self {
            prefix,
            suffix,
            middle,
            order,
            is_servers: false,
        };
        match format {
            Format::Qwen25Coder | Format::Codegemma => {
                form("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", PrefixSuffixMiddle)
            }
            Format::Starcoder => {
                form("<fim_prefix>", "<fim_suffix>", "<fim_middle>", PrefixSuffixMiddle)
            }
            Format::Mellum => {
                form("<fim_prefix>", "<fim_suffix>", "<fim_middle>", SuffixPrefixMiddle)
            }
            Format::DeepseekCoder => {
                form("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", PrefixSuffixMiddle)
            }
            Format::Codellama => form("<PRE> ", " <SUF>", " <MID>", PrefixSuffixMiddle),
            Format::SeedCoder => {
                form("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", SuffixPrefixMiddle)
            }
            Format::Suffix => {
                Self { is_servers: true, ..form("<P>", "<S>", "<M>", PrefixSuffixMiddle) }
            }
        }
    }

    /// The marks, in the order of their ids.
    pub fn marks(&self) -> [&'static str; 3] {
        [self.prefix, self.suffix, self.middle]
    }

    /// The marks as what builds prompts knows them.
    pub fn fim(&self) -> Fim {
        Fim {
            family: "remote".into(),
            order: self.order,
            prefix: PREFIX,
            suffix: SUFFIX,
            middle: Some(MIDDLE),
            ..Fim::default()
        }
    }

    /// A prompt over bytes as text.
    pub fn written(&self, ids: &[u32]) -> WireParts {
        // What stands behind each mark, in the order of the marks' ids.
        let mut parts: [Vec<u8>; 3] = Default::default();
        let (mut order, mut part) = (Vec::new(), 0);
        for id in ids {
            match *id {
                PREFIX..=MIDDLE => {
                    part = (*id - PREFIX) as usize;
                    order.push(part);
                }
                byte => parts[part].extend(u8::try_from(byte).ok()),
            }
        }
        let text = |part: usize| String::from_utf8_lossy(&parts[part]).into_owned();
        if self.is_servers {
            let [before, after, middle] = [0, 1, 2].map(text);
            let prompt = self.safe(before + &middle);
            return WireParts { prompt, suffix: Some(self.safe(after)) };
        }
        let marks = self.marks();
        let written = order.into_iter().map(|part| marks[part].to_owned() + &self.safe(text(part)));
        WireParts { prompt: written.collect(), suffix: None }
    }

    /// A text of the user in which nothing is a mark.
    fn safe(&self, text: String) -> String {
        let marks: Vec<&str> = if self.is_servers {
            Format::WITH_MARKERS.into_iter().flat_map(|format| Self::of(format).marks()).collect()
        } else {
            self.marks().to_vec()
        };
        marks.into_iter().map(str::trim).chain(END_MARKERS).fold(text, |text, mark| {
            if !text.contains(mark) {
                return text;
            }
            let n_first = mark.chars().next().map_or(0, char::len_utf8);
            text.replace(mark, &format!("{} {}", &mark[..n_first], &mark[n_first..]))
        })
    }
}
