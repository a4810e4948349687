//! A prompt as text: FIM tokens are spelled out, and user text contains none.

use foretell_fim::Family;
use serde::{Deserialize, Serialize};

use crate::bundle::{Fim, FimOrder};

/// The value of `engine.remote.format` for a server that writes the prompt itself.
const SUFFIX_FORMAT: &str = "suffix";

/// How the prompt for a server is written: in the form of a family, or by the server from the text
/// before and after the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Format(Option<&'static Family>);

/// No format has this name.
#[derive(Debug, thiserror::Error)]
#[error("unknown format `{0}`, expected one of {names}", names = Format::names().join(", "))]
pub struct UnknownFormat(String);

impl Format {
    /// The server writes the prompt: it receives `prompt` and `suffix`.
    pub const SUFFIX: Self = Self(None);

    /// The format with a name of `engine.remote.format`.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Self, UnknownFormat> {
        if name == SUFFIX_FORMAT {
            return Ok(Self::SUFFIX);
        }
        let family = foretell_fim::remote_families().find(|it| it.name == name);
        family.map(|it| Self(Some(it))).ok_or_else(|| UnknownFormat(name.to_owned()))
    }

    /// The names of all formats.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let families = foretell_fim::remote_families().map(|it| it.name.as_str());
        families.chain([SUFFIX_FORMAT]).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.map_or(SUFFIX_FORMAT, |it| it.name.as_str())
    }
}

impl Default for Format {
    /// The form of the first family, Qwen2.5-Coder.
    fn default() -> Self {
        Self(foretell_fim::remote_families().next())
    }
}

impl TryFrom<String> for Format {
    type Error = UnknownFormat;

    fn try_from(name: String) -> Result<Self, UnknownFormat> {
        Self::named(&name)
    }
}

impl From<Format> for String {
    fn from(it: Format) -> Self {
        it.name().to_owned()
    }
}

/// The ids of the FIM tokens in [`byte_vocabulary`](crate::vocabulary::byte_vocabulary).
const PREFIX: u32 = 256;
const SUFFIX: u32 = 257;
const MIDDLE: u32 = 258;

/// A format, ready to write prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptFormat {
    /// The text of the FIM tokens; the last is unused by a family without a middle token.
    markers: [&'static str; 3],
    has_middle: bool,
    order: FimOrder,
    /// Whether the server writes the prompt.
    is_servers: bool,
}

/// The parts of a prompt in a request.
#[derive(Debug, PartialEq, Eq)]
pub struct WireParts {
    /// The prompt, markers included where the client writes them.
    pub prompt: String,
    /// The text after the cursor, where the server writes the prompt.
    pub suffix: Option<String>,
}

impl PromptFormat {
    /// The form of a format (docs/prompt-formats.md). Servers add the token at the beginning of a
    /// text themselves.
    #[must_use]
    pub fn of(format: Format) -> Self {
        let family = format.0.and_then(|it| Some((it.remote_tokens()?, it.order)));
        let is_servers = family.is_none();
        let own = (("<P>", "<S>", Some("<M>")), FimOrder::PrefixSuffixMiddle);
        let ((prefix, suffix, middle), order) = family.unwrap_or(own);
        let markers = [prefix, suffix, middle.unwrap_or("<M>")];
        Self { markers, has_middle: middle.is_some(), order, is_servers }
    }

    /// The FIM tokens as text, in the order of their ids.
    #[must_use]
    pub fn markers(&self) -> [&'static str; 3] {
        self.markers
    }

    /// The FIM tokens as ids, for building prompts.
    #[must_use]
    pub fn fim(&self) -> Fim {
        Fim {
            family: "remote".into(),
            order: self.order,
            prefix: PREFIX,
            suffix: SUFFIX,
            middle: self.has_middle.then_some(MIDDLE),
            ..Fim::default()
        }
    }

    /// A prompt over bytes as text.
    #[must_use]
    pub fn written(&self, ids: &[u32]) -> WireParts {
        // The text behind each token, in the order of their ids.
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
        let markers = self.markers;
        let written =
            order.into_iter().map(|part| markers[part].to_owned() + &self.safe(text(part)));
        WireParts { prompt: written.collect(), suffix: None }
    }

    /// User text in which nothing is a special token.
    fn safe(&self, text: String) -> String {
        let own: Vec<&str> = if self.is_servers {
            // Which family the server's model belongs to is unknown.
            let all = foretell_fim::remote_families().filter_map(Family::remote_tokens);
            all.flat_map(|(prefix, suffix, middle)| [Some(prefix), Some(suffix), middle])
                .flatten()
                .collect()
        } else {
            self.markers[..if self.has_middle { 3 } else { 2 }].to_vec()
        };
        let boundaries = foretell_fim::boundary_markers().iter().copied();
        own.into_iter().map(str::trim).chain(boundaries).fold(text, |text, marker| {
            if !text.contains(marker) {
                return text;
            }
            let n_first = marker.chars().next().map_or(0, char::len_utf8);
            text.replace(marker, &format!("{} {}", &marker[..n_first], &marker[n_first..]))
        })
    }
}
