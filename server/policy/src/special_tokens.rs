//! Cuts before a special token that is spelled out as text.

use foretell_fim::cut_markers;

use super::{
    CursorContext, Cut, Phase, StopRule,
    scanner::{Feature, Language},
};

/// The longest name in a special token.
const MAX_NAME_CHARS: usize = 40;

/// Searches for the first special token that does not already occur near the cursor: in a
/// tokenizer's source, special tokens are ordinary text.
pub(super) fn cut(context: &CursorContext, text: &str, phase: Phase) -> Cut {
    let language = Language::of(&context.language, "");
    let is_markup = context.is_prose()
        || language.has(Feature::Jsx)
        || language.has(Feature::Markup)
        || context.has_nearby("<s>");
    for (byte_idx, _) in text.match_indices('<') {
        let rest = &text[byte_idx..];
        let foreign = |marker: &&&str| !context.has_nearby(marker);
        let matches_form = match form(rest) {
            Form::Token(marker) => !context.has_nearby(marker),
            Form::Begins if !phase.is_final() => return Cut { keep_bytes: byte_idx, stop: None },
            Form::Begins | Form::Not => false,
        };
        // In markup this closes a strikethrough element.
        let is_end = rest.starts_with("</s>") && !is_markup && !context.has_nearby("</s>");
        if matches_form
            || is_end
            || cut_markers().iter().filter(|it| rest.starts_with(**it)).any(|it| foreign(&it))
        {
            return Cut { keep_bytes: byte_idx, stop: Some(StopRule::Marker) };
        }
        let may_end = !is_markup && "</s>".starts_with(rest);
        if !phase.is_final() && may_end {
            return Cut { keep_bytes: byte_idx, stop: None };
        }
        if !phase.is_final()
            && cut_markers().iter().filter(|it| it.starts_with(rest)).any(|it| foreign(&it))
        {
            return Cut { keep_bytes: byte_idx, stop: None };
        }
    }
    Cut::all(text)
}

/// The result of looking for a special token of any model family at the start of a text.
enum Form<'a> {
    Token(&'a str),
    /// A prefix of a special token.
    Begins,
    Not,
}

/// Recognizes forms that no language uses: `<|name|>`, also with the wide bars of some families,
/// and `<fim_name>` or `</fim_name>`.
fn form(rest: &str) -> Form<'_> {
    for bar in ["|", "｜"] {
        let Some(inner) = rest[1..].strip_prefix(bar) else { continue };
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '▁' | '.');
        let n_bytes = inner.find(|c| !is_name(c)).unwrap_or(inner.len());
        let (name, end) = inner.split_at(n_bytes);
        if name.chars().count() > MAX_NAME_CHARS {
            return Form::Not;
        }
        let closer = if bar == "|" { "|>" } else { "｜>" };
        if !name.is_empty() && end.starts_with(closer) {
            return Form::Token(&rest[..1 + bar.len() + n_bytes + closer.len()]);
        }
        return if closer.starts_with(end) { Form::Begins } else { Form::Not };
    }
    let name = rest[1..].trim_start_matches('/');
    if rest.len() - name.len() > 2 {
        return Form::Not;
    }
    let start =
        ["fim_", "fim-"].into_iter().find(|it| name.starts_with(it) || it.starts_with(name));
    match start {
        Some(start) if name.len() >= start.len() => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            let n_bytes = name.find(|c| !is_name(c)).unwrap_or(name.len());
            match name[n_bytes..].chars().next() {
                Some('>') => Form::Token(&rest[..rest.len() - name.len() + n_bytes + 1]),
                None => Form::Begins,
                Some(_) => Form::Not,
            }
        }
        Some(_) => Form::Begins,
        None => Form::Not,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::tests::{check, check_in};

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
    fn marker_of_any_family_ends_the_text() {
        check_in(
            "c",
            "int main() { ˇ }",
            "f(<|cursor|>);",
            &expect![[r#"
                int main() { «f(» }
                Some(Marker)
            "#]],
        );
        check(
            "f(ˇ",
            "</fim_middle>1",
            &expect![[r#"
            f(«»
            Some(Marker)
        "#]],
        );
        check(
            "f(ˇ",
            "a <｜fim▁hole｜> b",
            &expect![[r#"
            f(«a»
            Some(Marker)
        "#]],
        );
        check(
            "f(ˇ",
            "a</s>",
            &expect![[r#"
            f(«a»
            Some(Marker)
        "#]],
        );
        check(
            "f(ˇ",
            "a <| b, c |> d",
            &expect![[r#"
            f(«a <| b, c |> d»
            None
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
