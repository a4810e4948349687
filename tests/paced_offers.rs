//! The edits that are offered while somebody types, and the work of the judge, for
//! [`paced_session`](crate::paced_session).

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long the user must pause before VS Code shows an edit.
const SHOWN_AFTER: Duration = Duration::from_millis(250);

/// Offers of edits for the text on screen.
#[derive(Default)]
pub struct Offers {
    /// How often an edit was offered, a longer new name after each key included.
    n_pushed: usize,
    /// The edits that a user sees, in their order.
    shown: Vec<Offer>,
    /// The edit that appears if the user pauses.
    last: Option<Offer>,
}

struct Offer {
    is_right: bool,
    description: String,
}

impl Offers {
    /// An edit was offered for `text`; `to_come` will be typed at `cursor`.
    pub fn add(&mut self, edit: &Value, text: &str, cursor: usize, to_come: &str) {
        let at = |end: &str| byte_idx(text, &edit["range"][end]);
        let (start, end) = (at("start"), at("end"));
        let new = edit["text"].as_str().unwrap_or_default();
        let with = format!("{}{new}{}", &text[..start], &text[end..]);
        let becomes = |n_bytes: usize| {
            format!("{}{}{}", &text[..cursor], &to_come[..n_bytes], &text[cursor..])
        };
        let mut ends = (0..=to_come.len()).filter(|it| to_come.is_char_boundary(*it));
        let line = text[..start].matches('\n').count() + 1;
        let shown = text.lines().nth(line - 1).unwrap_or_default().trim();
        let description = format!("line {line}: {:?} to {new:?} in {shown}", &text[start..end]);
        let is_right = ends.any(|n_bytes| n_bytes > 0 && becomes(n_bytes) == with);
        self.n_pushed += 1;
        self.last = Some(Offer { is_right, description });
    }

    /// The pause since the last key, at `edited`, ends.
    pub fn end_pause(&mut self, edited: Instant) {
        let is_shown = edited.elapsed() > SHOWN_AFTER;
        self.shown.extend(self.last.take().filter(|_| is_shown));
    }

    /// Prints them.
    pub fn report(&self, judgements: &Judgements) {
        let n_right = self.shown.iter().filter(|it| it.is_right).count();
        println!(
            "edits offered {}, seen in a pause {}, right {n_right}; judgements {}",
            self.n_pushed,
            self.shown.len(),
            judgements.n()
        );
        for it in self.shown.iter().filter(|it| !it.is_right) {
            println!("wrong edit in {}", it.description);
        }
    }
}

fn byte_idx(text: &str, position: &Value) -> usize {
    let n = |name: &str| position[name].as_u64().unwrap_or_default() as usize;
    text.split_inclusive('\n').take(n("line")).map(str::len).sum::<usize>() + n("character")
}

/// The judgements that the server logs.
pub struct Judgements(PathBuf);

impl Judgements {
    /// Has a server write its log to a file of a folder.
    pub fn of(server: &mut Command, folder: &Path) -> io::Result<Self> {
        let log = folder.join("log");
        let filter = "error,foretell_session::session::state::judge=debug";
        server.env("FORETELL_LOG", filter).stderr(File::create(&log)?);
        Ok(Self(log))
    }

    fn n(&self) -> usize {
        std::fs::read_to_string(&self.0).unwrap_or_default().matches("edit judged").count()
    }
}
