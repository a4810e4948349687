//! Types of the session as LSP types.

use serde_json::{Value, json};
use tower_lsp::gen_lsp_types as lsp;

use super::{
    lsp_ext::{ACCEPT, ACCEPT_EDIT, InlineEdit},
    params::CODE_ACTION_KIND,
};
use foretell_policy as policy;
use foretell_session::document::{Position, PositionEncoding, Snapshot};
use foretell_session::session::{Request, Selected, next_edit::EditOffer};

/// A position.
pub(crate) fn position(it: Position) -> lsp::Position {
    lsp::Position::new(it.line, it.col)
}

/// The range of two positions.
fn range(snapshot: &Snapshot, char_range: std::ops::Range<usize>) -> lsp::Range {
    let of = |char_idx| position(snapshot.position(char_idx));
    lsp::Range::new(of(char_range.start), of(char_range.end))
}

/// An offered edit.
pub(crate) fn inline_edit(offer: &EditOffer, encoding: PositionEncoding) -> InlineEdit {
    let snapshot = Snapshot { encoding, ..offer.snapshot.clone() };
    let uri = lsp::Uri(snapshot.uri.to_string());
    InlineEdit {
        text_document: lsp::VersionedTextDocumentIdentifier {
            version: snapshot.version,
            text_document_identifier: lsp::TextDocumentIdentifier { uri },
        },
        range: range(&snapshot, offer.range.clone()),
        text: offer.new.clone(),
        old_text: offer.old.clone(),
        command: lsp::Command {
            title: "Accept".to_owned(),
            command: ACCEPT_EDIT.to_owned(),
            arguments: Some(vec![json!(offer.id.0)]),
            ..Default::default()
        },
    }
}

/// The code action that applies an offered edit. Its title says where.
pub(crate) fn code_action(offer: &EditOffer, edit: InlineEdit, with_changes: bool) -> Value {
    let line = offer.snapshot.rope.char_to_line(offer.range.start) + 1;
    let edits = json!([{"range": edit.range, "newText": edit.text}]);
    let workspace_edit = if with_changes {
        json!({"documentChanges": [{"textDocument": edit.text_document, "edits": edits}]})
    } else {
        json!({"changes": {&*offer.snapshot.uri: edits}})
    };
    json!({
        "title": format!("Apply next edit (line {line}: {})", change_in_words(&offer.old, &offer.new)),
        "kind": CODE_ACTION_KIND,
        "edit": workspace_edit,
        "command": edit.command,
    })
}

/// A change on one line.
fn change_in_words(old: &str, new: &str) -> String {
    let change = match (old.trim().is_empty(), new.trim().is_empty()) {
        (true, _) => format!("insert {new}"),
        (_, true) => format!("delete {old}"),
        _ => format!("{old} → {new}"),
    };
    change.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name of a position encoding.
pub(crate) fn position_encoding(it: PositionEncoding) -> lsp::PositionEncodingKind {
    match it {
        PositionEncoding::Utf8 => lsp::PositionEncodingKind::UTF8,
        PositionEncoding::Utf16 => lsp::PositionEncodingKind::UTF16,
        PositionEncoding::Utf32 => lsp::PositionEncodingKind::UTF32,
    }
}

/// The characters, besides letters, that open a client's menu: those after which code continues on
/// the same line.
const TRIGGER_CHARACTERS: [&str; 21] = [
    " ", ".", ":", "(", ")", "[", "]", "{", "<", ">", ",", "=", "+", "-", "*", "/", "&", "|", "!",
    "\"", "'",
];

/// The item for a text at the request's cursor. With a selected menu item, it extends that item and
/// takes its range (LSP 3.18, `SelectedCompletionInfo`).
pub(super) fn inline(request: &Request, text: &str) -> lsp::InlineCompletionItem {
    let Request { original, params, .. } = request;
    let n_chars = text.chars().count();
    let n_replaced = n_replaced(request, text);
    let (replaced, text) = match &params.selected {
        Some(Selected { range, text: selected }) => {
            (range.clone(), format!("{selected}{}", as_in_file(request, text)))
        }
        None => (params.cursor..params.cursor, as_in_file(request, text)),
    };
    let replaced = replaced.start..replaced.end + n_replaced;
    lsp::InlineCompletionItem {
        insert_text: text.into(),
        filter_text: None,
        range: Some(range(original, replaced)),
        command: Some(lsp::Command {
            title: "Accepted".to_owned(),
            command: ACCEPT.to_owned(),
            arguments: Some(vec![json!(n_chars)]),
            ..Default::default()
        }),
    }
}

/// How many characters after the cursor the text replaces.
fn n_replaced(request: &Request, text: &str) -> usize {
    let Request { snapshot, cursor, .. } = request;
    let line_end = snapshot.line_range(snapshot.rope.char_to_line(*cursor)).end.max(*cursor);
    policy::n_replaced(text, &snapshot.slice(*cursor..line_end))
}

/// A text with the line breaks of the file.
fn as_in_file(request: &Request, text: &str) -> String {
    let first_line = request.original.rope.lines().next();
    let crlf = text.contains('\n')
        && first_line
            .is_some_and(|it| it.chars_at(it.len_chars()).reversed().take(2).any(|c| c == '\r'));
    if crlf { text.replace('\n', "\r\n") } else { text.to_owned() }
}

/// The options of the completion menu.
pub(super) fn completion_options() -> lsp::CompletionOptions {
    lsp::CompletionOptions {
        trigger_characters: Some(TRIGGER_CHARACTERS.map(str::to_owned).to_vec()),
        ..Default::default()
    }
}

/// The item of a completion menu, for clients without ghost text. It includes the word before the
/// cursor, or the menu would filter it out.
pub(super) fn in_menu(request: &Request, text: &str) -> lsp::CompletionItem {
    let Request { original, params, .. } = request;
    let end = params.cursor + n_replaced(request, text);
    let text = as_in_file(request, text);
    let line = original.rope.line_to_char(original.rope.char_to_line(params.cursor));
    let before = original.slice(line..params.cursor);
    let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
    let n_word_chars = before.chars().rev().take_while(is_word).count();
    let start = params.cursor - n_word_chars;
    let whole = format!("{}{text}", original.slice(start..params.cursor));
    lsp::CompletionItem {
        label: label(&whole),
        // Clients rank `Text` last or hide it, because they already complete words from the buffer.
        kind: Some(lsp::CompletionItemKind::Snippet),
        detail: Some("foretell".to_owned()),
        documentation: Some(lsp::Documentation::MarkupContent(lsp::MarkupContent {
            kind: lsp::MarkupKind::Markdown,
            value: fenced(&original.language, &whole),
        })),
        preselect: Some(true),
        // First, if the client sorts by it.
        sort_text: Some("0".to_owned()),
        filter_text: Some(whole.clone()),
        insert_text_format: Some(lsp::InsertTextFormat::PlainText),
        insert_text_mode: Some(lsp::InsertTextMode::AsIs),
        text_edit: Some(lsp::CompletionItemTextEdit::TextEdit(lsp::TextEdit {
            range: range(original, start..end),
            new_text: whole,
        })),
        ..Default::default()
    }
}

/// The first line of a text, and the number of further lines.
fn label(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    match lines.count() {
        0 => first.to_owned(),
        1 => format!("{first} … +1 line"),
        n_lines => format!("{first} … +{n_lines} lines"),
    }
}

/// A fenced block that the text cannot end: its fence is longer than any in the text.
fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let language: String = language.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect();
    format!("{fence}{language}\n{text}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn changes_are_named_on_one_line() {
        assert_eq!(super::change_in_words("a", "b"), "a → b");
        assert_eq!(super::change_in_words("typing.", ""), "delete typing.");
        assert_eq!(super::change_in_words("", "x,\n    y"), "insert x, y");
    }

    #[test]
    fn label_counts_further_lines() {
        assert_eq!(label("x + 1"), "x + 1");
        assert_eq!(label("\n    return x\n"), "return x");
        assert_eq!(label("if x {\r\n    y\r\n}"), "if x { … +2 lines");
        assert_eq!(label("\n  a:\n\n  b"), "a: … +2 lines");
        assert_eq!(label("a\nb"), "a … +1 line");
        assert_eq!(label(""), "");
    }
}
