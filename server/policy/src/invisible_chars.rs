//! Cuts before characters that are invisible or reorder others.
//!
//! Users cannot check what they cannot see: "Trojan Source: Invisible Vulnerabilities" (Boucher and
//! Anderson, 2021).

use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

use super::{CursorContext, Cut, Phase, StopRule};

/// Searches for the first such character.
pub(super) fn cut(_: &CursorContext, text: &str, phase: Phase) -> Cut {
    let mut previous = 'a';
    let mut chars = text.char_indices().peekable();
    while let Some((byte_idx, c)) = chars.next() {
        if matches!(c, ' '..='~' | '\n' | '\t') {
            previous = c;
            continue;
        }
        let hides = is_hidden(c) || c.is_control() && !matches!(c, '\n' | '\t');
        let next = chars.peek().map(|it| it.1);
        if hides || is_out_of_place(c, previous, next) {
            // A partial text may continue with the mark that turns a digit into a keycap.
            let may_be_key =
                next.is_none() && !phase.is_final() && !is_out_of_place(c, previous, Some(KEY));
            let stop = (hides || !may_be_key).then_some(StopRule::Hidden);
            return Cut { keep_bytes: byte_idx, stop };
        }
        previous = c;
    }
    Cut::all(text)
}

/// Whether a character is invisible wherever it is, or changes how others appear: Unicode's
/// `Default_Ignorable_Code_Point`, except characters with a legitimate use in scripts and emoji, plus
/// a few more without a glyph.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c);
    (is_ignorable && !is_joiner(c) && !is_emoji_selector(c))
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' // line and paragraph separators
                | '\u{fff9}'..='\u{fffb}' // interlinear annotation controls
                | '\u{2800}' // blank Braille pattern
                | '\u{13430}'..='\u{1343f}' // hieroglyph format controls
        )
}

/// The zero-width joiner and non-joiner.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Variation selector 16, which requests the emoji style of the character before it.
fn is_emoji_selector(c: char) -> bool {
    c == '\u{fe0f}'
}

/// The combining keycap around the character before it: `1️⃣` is three characters.
const KEY: char = '\u{20e3}';

/// Whether a joiner or variation selector has no use where it is. They belong to some scripts and
/// to emoji, not to ASCII except for keycaps, and never in sequences, which could encode hidden
/// data.
fn is_out_of_place(c: char, previous: char, next: Option<char>) -> bool {
    let is_key = matches!(previous, '0'..='9' | '#' | '*') && next == Some(KEY);
    (is_joiner(c) && (previous.is_ascii() || is_joiner(previous)))
        || (is_emoji_selector(c)
            && (previous.is_ascii() && !is_key
                || is_joiner(previous)
                || is_emoji_selector(previous)))
}

#[cfg(test)]
mod tests {
    use crate::Phase;
    use expect_test::expect;

    use super::{super::CursorContext, StopRule};
    use crate::tests::check;

    #[test]
    fn text_ends_before_an_invisible_character() {
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

    /// DerivedCoreProperties.txt of Unicode 16, and other characters without a glyph.
    #[test]
    fn characters_without_a_glyph_are_hidden() {
        let hidden = [
            0..=8,
            0xb..=0x1f,
            0x7f..=0x9f,
            0xad..=0xad,
            0x34f..=0x34f,
            0x61c..=0x61c,
            0x115f..=0x1160,
            0x17b4..=0x17b5,
            0x180b..=0x180f,
            0x200b..=0x200f,
            0x2028..=0x2029,
            0x202a..=0x202e,
            0x2060..=0x206f,
            0x2800..=0x2800,
            0x3164..=0x3164,
            0xfe00..=0xfe0f,
            0xfeff..=0xfeff,
            0xffa0..=0xffa0,
            0xfff0..=0xfffb,
            0x13430..=0x1343f,
            0x1bca0..=0x1bca3,
            0x1d173..=0x1d17a,
            0xe0000..=0xe0fff_u32,
        ];
        for c in hidden.into_iter().flatten().filter_map(char::from_u32) {
            let cut =
                super::cut(&CursorContext::new("let x = ", ""), &format!("a{c}"), Phase::Final);
            assert_eq!((cut.keep_bytes, cut.stop), (1, Some(StopRule::Hidden)), "{c:?}");
        }
    }

    #[test]
    fn keycap_emoji_is_shown_when_complete() {
        let cut = |text, phase| {
            let cut = super::cut(&CursorContext::new("// ", ""), text, phase);
            (cut.keep_bytes, cut.stop)
        };
        assert_eq!(cut("1\u{fe0f}", Phase::Partial), (1, None));
        assert_eq!(cut("1\u{fe0f}\u{20e3} x", Phase::Partial), (9, None));
        assert_eq!(cut("1\u{fe0f};", Phase::Partial), (1, Some(StopRule::Hidden)));
        assert_eq!(cut("1\u{fe0f}", Phase::Final), (1, Some(StopRule::Hidden)));
        assert_eq!(cut("a\u{fe0f}", Phase::Partial), (1, Some(StopRule::Hidden)));
    }

    #[test]
    fn stray_joiners_are_hidden() {
        for c in ["\u{fe00}", "\u{e0100}", "\u{34f}", "\u{180b}", "x\u{fe0f}", "é\u{200d}\u{200c}"]
        {
            let cut =
                super::cut(&CursorContext::new("let x = ", ""), &format!("1{c}"), Phase::Final);
            assert_eq!(cut.stop, Some(StopRule::Hidden), "{c:?}");
        }
    }

    #[test]
    fn all_scripts_and_emoji_are_allowed() {
        check(
            "print(ˇ)",
            "\"שלום 你好 می‌خواهم 👩‍💻 ❤️‍🔥 1️⃣\")",
            &expect![[r#"
                print(«"שלום 你好 می‌خواهم 👩‍💻 ❤️‍🔥 1️⃣"»)
                Some(SuffixMet)
            "#]],
        );
    }
}
