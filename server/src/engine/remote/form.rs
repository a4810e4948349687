//! A prompt as text: the marks of a family are written out, and those in the user's text are not.

use crate::{
    bundle::{Fim, FimOrder},
    config::engine::Format,
};

/// The ids of the marks in [`byte_vocabulary`](super::byte_vocabulary).
const PREFIX: u32 = 256;
const SUFFIX: u32 = 257;
const MIDDLE: u32 = 258;

/// What ends a text, or begins another one, in some family: a text of the user must not.
const ENDS: [&str; 27] = [
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

/// Every format with marks of its own. Of a server that writes the prompt it is not known which of
/// them its model has.
const WITH_MARKS: [Format; 7] = [
    Format::Qwen25Coder,
    Format::Codegemma,
    Format::Starcoder,
    Format::Mellum,
    Format::DeepseekCoder,
    Format::Codellama,
    Format::SeedCoder,
];

/// How the prompt of a family is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    prefix: &'static str,
    suffix: &'static str,
    middle: &'static str,
    order: FimOrder,
    /// Whether the server writes the prompt.
    is_servers: bool,
}

/// A prompt as it is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) prompt: String,
    /// The text after the cursor, where the server writes the prompt.
    pub(super) suffix: Option<String>,
}

impl Form {
    /// The form of a family (docs/prompt-formats.md). Servers write the mark of a text's beginning
    /// themselves.
    pub(super) fn of(format: Format) -> Self {
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
    pub(super) fn marks(&self) -> [&'static str; 3] {
        [self.prefix, self.suffix, self.middle]
    }

    /// The marks as what builds prompts knows them.
    pub(super) fn fim(&self) -> Fim {
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
    pub(super) fn written(&self, ids: &[u32]) -> Written {
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
            return Written { prompt, suffix: Some(self.safe(after)) };
        }
        let marks = self.marks();
        let written = order.into_iter().map(|part| marks[part].to_owned() + &self.safe(text(part)));
        Written { prompt: written.collect(), suffix: None }
    }

    /// A text of the user in which nothing is a mark.
    fn safe(&self, text: String) -> String {
        let marks: Vec<&str> = if self.is_servers {
            WITH_MARKS.into_iter().flat_map(|format| Self::of(format).marks()).collect()
        } else {
            self.marks().to_vec()
        };
        marks.into_iter().map(str::trim).chain(ENDS).fold(text, |text, mark| {
            if !text.contains(mark) {
                return text;
            }
            let n_first = mark.chars().next().map_or(0, char::len_utf8);
            text.replace(mark, &format!("{} {}", &mark[..n_first], &mark[n_first..]))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::in_bytes, *};
    use crate::{
        document::Snapshot,
        engine::vocabulary::byte_vocabulary,
        prompt::{OtherFiles, Prompter, Split, Window},
    };

    /// The prompt for a text with a mark at the cursor.
    fn written(format: Format, text: &str) -> Written {
        let form = Form::of(format);
        let vocabulary = Arc::new(byte_vocabulary(&[], &form.marks()).unwrap());
        let prompter = Prompter::new(vocabulary, Some(form.fim()), in_bytes(Window::default()));
        let cursor = text.chars().position(|c| c == 'ˇ').unwrap();
        let snapshot = Snapshot::of_text("file:///a.py", "python", &text.replace('ˇ', ""));
        form.written(
            &prompter.another(Split::Plain, false, OtherFiles::None).prompt(&snapshot, cursor).ids,
        )
    }

    #[test]
    fn each_family_gets_its_marks_in_its_order() {
        let prompt = |format| written(format, "x = yˇ\nä\n").prompt;
        for (format, expected) in [
            (Format::Qwen25Coder, "<|fim_prefix|>x = y<|fim_suffix|>\nä\n<|fim_middle|>"),
            (Format::Starcoder, "<fim_prefix>x = y<fim_suffix>\nä\n<fim_middle>"),
            (Format::DeepseekCoder, "<｜fim▁begin｜>x = y<｜fim▁hole｜>\nä\n<｜fim▁end｜>"),
            (Format::Codegemma, "<|fim_prefix|>x = y<|fim_suffix|>\nä\n<|fim_middle|>"),
            (Format::Codellama, "<PRE> x = y <SUF>\nä\n <MID>"),
            (Format::Mellum, "<fim_suffix>\nä\n<fim_prefix>x = y<fim_middle>"),
            (Format::SeedCoder, "<[fim-suffix]>\nä\n<[fim-prefix]>x = y<[fim-middle]>"),
        ] {
            assert_eq!(prompt(format), expected);
        }
        let parts = Written { prompt: "x = y".into(), suffix: Some("\nä\n".into()) };
        assert_eq!(written(Format::Suffix, "x = yˇ\nä\n"), parts);
    }

    /// **Invariant:** user text never becomes a special token.
    #[test]
    fn a_mark_in_the_users_text_is_none() {
        let text = "a = '<|fim_middle|>'\nb = ˇ'<|im_end|>'\n";
        assert_eq!(
            written(Format::Qwen25Coder, text).prompt,
            "<|fim_prefix|>a = '< |fim_middle|>'\nb = <|fim_suffix|>'< |im_end|>'\n<|fim_middle|>"
        );
        let ends = ENDS.concat();
        let one = written(Format::Starcoder, &format!("{ends}ˇ")).prompt;
        assert_eq!(one, format!("<fim_prefix>{}<fim_suffix><fim_middle>", ends.replace('<', "< ")));
    }

    /// The server puts its own marks around these texts.
    #[test]
    fn a_text_for_a_server_that_writes_the_prompt_has_no_familys_marks() {
        let marks = |format| Form::of(format).marks().map(str::trim).concat();
        let marks = WITH_MARKS.map(marks).concat() + &ENDS.concat();
        let broken = marks.replace('<', "< ");
        let parts = Written { prompt: broken.clone(), suffix: Some(broken) };
        assert_eq!(written(Format::Suffix, &format!("{marks}ˇ{marks}")), parts);
    }
}
