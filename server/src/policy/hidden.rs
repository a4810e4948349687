//! Cut before a character that is not to be seen, or that shows others in another order.
//!
//! A user who takes a text can't check what they can't see: "Trojan Source: Invisible
//! Vulnerabilities" (Boucher and Anderson, 2021).

use super::{Look, Place, Stop};

/// Looks for the first such character.
pub(super) fn look(_: &Place, text: &str, _ended: bool) -> Look {
    let mut previous = 'a';
    for (byte_idx, c) in text.char_indices() {
        if is_hidden(c) || is_out_of_place(c, previous) {
            return Look { keep_bytes: byte_idx, stop: Some(Stop::Hidden) };
        }
        previous = c;
    }
    Look::all(text)
}

fn is_hidden(c: char) -> bool {
    let is_control = c.is_control() && !matches!(c, '\n' | '\t');
    let is_mark = matches!(
        c,
        '\u{ad}' // soft hyphen
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' // order of writing
            | '\u{2060}'..='\u{206f}' // word joiner, invisible operators, isolates
            | '\u{200b}' | '\u{feff}' // spaces of no width
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // fillers, which are letters
            | '\u{2028}' | '\u{2029}' // other line breaks
            | '\u{fff0}'..='\u{fffb}'
            | '\u{34f}' | '\u{17b4}' | '\u{17b5}' // joiners and vowels that are not drawn
            | '\u{180b}'..='\u{180f}' // choices of a letter's form
            | '\u{fe00}'..='\u{fe0e}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' // shorthand, music
            | '\u{e0000}'..='\u{e0fff}' // tags and choices of forms
    );
    is_control || is_mark
}

/// Joiners, and the choice of an emoji's colours before them, belong to some scripts and to emoji:
/// to nothing in ASCII, and never many in a row, which could hold any number of bits.
fn is_out_of_place(c: char, previous: char) -> bool {
    let is_joiner = |c| matches!(c, '\u{200c}' | '\u{200d}');
    let is_colour = |c| c == '\u{fe0f}';
    (is_joiner(c) && (previous.is_ascii() || is_joiner(previous)))
        || (is_colour(c) && (previous.is_ascii() || is_joiner(previous) || is_colour(previous)))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{super::Place, Stop};
    use crate::policy::tests::check;

    #[test]
    fn a_text_ends_before_what_is_not_to_be_seen() {
        check(
            "let x = ˇ",
            "1; /*\u{202e} } begin admin */",
            &expect![[r#"
                let x = «1; /*»
                Some(Hidden)
            "#]],
        );
        check(
            "let x = ˇ",
            "\u{200b}admin;",
            &expect![[r#"
                let x = «»
                Some(Hidden)
            "#]],
        );
        check(
            "let x = ˇ",
            "is\u{200d}Admin;",
            &expect![[r#"
                let x = «is»
                Some(Hidden)
            "#]],
        );
    }

    #[test]
    fn a_row_of_joiners_is_not_suggested() {
        for c in ["\u{fe00}", "\u{e0100}", "\u{34f}", "\u{180b}", "x\u{fe0f}", "é\u{200d}\u{200c}"]
        {
            let look = super::look(&Place::new("let x = ", ""), &format!("1{c}"), false);
            assert_eq!(look.stop, Some(Stop::Hidden), "{c:?}");
        }
    }

    #[test]
    fn the_scripts_of_the_world_are_to_be_seen() {
        check(
            "print(ˇ)",
            "\"שלום 你好 می‌خواهم 👩‍💻 ❤️‍🔥\")",
            &expect![[r#"
                print(«"שלום 你好 می‌خواهم 👩‍💻 ❤️‍🔥"»)
                Some(SuffixMet)
            "#]],
        );
    }
}
