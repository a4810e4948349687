//! Cuts before a special token that is spelled out as text.

use foretell_fim::cut_markers;

use super::{CursorContext, Cut, Phase, StopRule};

/// Searches for the first special token that does not already occur near the cursor: in a
/// tokenizer's source, special tokens are ordinary text.
pub(super) fn cut(context: &CursorContext, text: &str, phase: Phase) -> Cut {
    for (byte_idx, _) in text.match_indices('<') {
        let rest = &text[byte_idx..];
        let foreign = |marker: &&&str| !context.has_nearby(marker);
        if cut_markers().iter().filter(|it| rest.starts_with(**it)).any(|it| foreign(&it)) {
            return Cut { keep_bytes: byte_idx, stop: Some(StopRule::Marker) };
        }
        if !phase.is_final()
            && cut_markers().iter().filter(|it| it.starts_with(rest)).any(|it| foreign(&it))
        {
            return Cut { keep_bytes: byte_idx, stop: None };
        }
    }
    Cut::all(text)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::tests::check;

    #[test]
    fn marker_ends_the_text() {
        check(
            "return ˇ",
            "total<|im_end|>\nuser",
            &expect![[r#"
                return «total»
                Some(Marker)
            "#]],
        );
        check(
            "x = ˇ",
            "<fim_middle>1",
            &expect![[r#"
                x = «»
                Some(Marker)
            "#]],
        );
    }

    #[test]
    fn markers_in_the_document_are_text() {
        check(
            "END = \"<|im_end|>\"\nEND_IDS = [\"ˇ\"]",
            "<|im_end|>\"]",
            &expect![[r#"
                END = "<|im_end|>"
                END_IDS = ["«<|im_end|>»"]
                Some(SuffixMet)
            "#]],
        );
    }

    #[test]
    fn less_than_and_tags_are_text() {
        check(
            "if ˇ",
            "a < b || a <| c {",
            &expect![[r#"
                if «a < b || a <| c {»
                None
            "#]],
        );
    }
}
