//! Framing: only complete, valid messages reach tower-lsp.
//!
//! tower-lsp ends the session at the first invalid message, and allocates whatever a header
//! announces. So only complete messages that it can parse are forwarded.
//!
//! **Architecture Invariant:** a document that missed a change counts as closed: later changes
//! would apply to a different text than the client's.

use std::{borrow::Cow, io};

use serde::Deserialize;
use serde_json::json;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tower_lsp::jsonrpc::{Error, Id, Request, Response};

/// The longest message, in bytes.
const MAX_MESSAGE_BYTES: u64 = 64 << 20;
/// The longest header line, in bytes, and the largest number of lines.
const MAX_LINE_BYTES: u64 = 1 << 10;
const MAX_LINES: usize = 16;

/// Forwards the messages of `input` until it ends. An invalid one is answered to `answers` and
/// dropped.
///
/// # Errors
/// For an invalid header or one that announces too much: the next message cannot be found.
pub(super) async fn pass_on(
    mut input: impl AsyncBufRead + Unpin,
    mut server: impl AsyncWrite + Unpin,
    mut answers: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    while let Some(n_bytes) = read_header(&mut input).await? {
        let mut body = Vec::new();
        (&mut input).take(n_bytes).read_to_end(&mut body).await?;
        if (body.len() as u64) < n_bytes {
            break;
        }
        let body = replace_lone_surrogates(&body);
        if is_readable(&body) {
            write_message(&mut server, &body).await?;
            continue;
        }
        tracing::warn!("ignored an invalid message of {n_bytes} bytes");
        if let Some((kind, uri)) = changed_document(&body) {
            tracing::warn!(
                "it was a change, so its document counts as closed until it is opened again"
            );
            let close = json!({"jsonrpc": "2.0", "method": format!("{kind}/didClose"),
                "params": {kind: {"uri": uri}}});
            write_message(&mut server, &serde_json::to_vec(&close)?).await?;
        }
        let PartialMessage { id, method } = serde_json::from_slice(&body).unwrap_or_default();
        // The id of a client's answer is one of ours.
        let id = id.filter(|_| !method.is_empty()).unwrap_or(Id::Null);
        let answer = Response::from_error(id, Error::parse_error());
        write_message(&mut answers, &serde_json::to_vec(&answer)?).await?;
    }
    Ok(())
}

/// What can be read of an invalid message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PartialMessage {
    id: Option<Id>,
    method: String,
}

/// The document that an invalid message changes, and whether it is a text or a notebook, for which
/// one of its cells may stand; it may not be JSON at all.
fn changed_document(body: &[u8]) -> Option<(&'static str, String)> {
    let find = |from: usize, what: &[u8]| {
        body[from..].windows(what.len()).position(|it| it == what).map(|n| from + n + what.len())
    };
    let kind = ["textDocument", "notebookDocument"]
        .into_iter()
        .find(|kind| find(0, format!("\"{kind}/didChange\"").as_bytes()).is_some())?;
    let name_end = find(0, b"\"uri\"")?;
    let start = find(name_end, b"\"")? - 1;
    let end = find(start + 1, b"\"")?;
    Some((kind, serde_json::from_slice(&body[start..end]).ok()?))
}

/// The message with U+FFFD for each lone surrogate. A client that counts in UTF-16 may cut a
/// character in two; the parser rejects such text, and no other position moves.
fn replace_lone_surrogates(body: &[u8]) -> Cow<'_, [u8]> {
    let mut replaced = Cow::Borrowed(body);
    let mut byte_idx = 0;
    while let Some(n) = body[byte_idx..].iter().position(|it| *it == b'\\') {
        byte_idx += n;
        let unit = |at: usize| -> Option<u16> {
            let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
            u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        };
        byte_idx += match (unit(byte_idx), unit(byte_idx + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                replaced.to_mut()[byte_idx..byte_idx + 6].copy_from_slice(b"\\ufffd");
                6
            }
            _ => 2.min(body.len() - byte_idx),
        };
    }
    replaced
}

/// The length of the next message in bytes; `None` at the end of the input.
async fn read_header(input: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<u64>> {
    let mut n_bytes = None;
    for n_lines in 0..MAX_LINES {
        let mut line = Vec::new();
        (&mut *input).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(None);
        }
        let line = line.strip_suffix(b"\n").ok_or_else(|| invalid("has a line without an end"))?;
        let line = std::str::from_utf8(line).map_err(|_| invalid("is not text"))?.trim_end();
        if line.is_empty() && n_lines > 0 {
            return n_bytes.map(Some).ok_or_else(|| invalid("has no Content-Length"));
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| invalid("has a line without `:`"))?;
        if name.eq_ignore_ascii_case("content-length") {
            let value = value.trim().parse().ok().filter(|n| *n <= MAX_MESSAGE_BYTES);
            n_bytes = Some(value.ok_or_else(|| invalid("has a Content-Length beyond 64 MB"))?);
        }
    }
    Err(invalid("is too long"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("invalid message header: it {what}"))
}

/// Whether tower-lsp can parse it: in the same way, because a parser checks skipped fields less.
fn is_readable(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Message {
        Response(#[allow(dead_code)] Response),
        Request(#[allow(dead_code)] Request),
    }
    std::str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<Message>(text).is_ok())
}

async fn write_message(output: &mut (impl AsyncWrite + Unpin), body: &[u8]) -> io::Result<()> {
    // In one write: others write to the same output.
    let header = format!("Content-Length: {}\r\n\r\n", body.len());
    output.write_all(&[header.as_bytes(), body].concat()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(body: &[u8]) -> Vec<u8> {
        [format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
    }

    /// The bytes passed on to the server, the answers, and the result.
    fn pass(input: &[u8]) -> (Vec<u8>, Vec<u8>, io::Result<()>) {
        let (mut server, mut answers) = (Vec::new(), Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let done = runtime.block_on(pass_on(input, &mut server, &mut answers));
        (server, answers, done)
    }

    const GOOD: &[u8] = br#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#;

    #[test]
    fn unreadable_message_is_answered_and_dropped() {
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        for bad in [&b"{"[..], b"{}", b"[]", b"\xff", b"", &deep] {
            let (server, answers, done) = pass(&[framed(bad), framed(GOOD)].concat());
            done.unwrap();
            assert_eq!(server, framed(GOOD), "{:?}", &bad[..bad.len().min(9)]);
            assert!(String::from_utf8(answers).unwrap().contains("-32700"));
        }
    }

    /// tower-lsp ends the session at a message that it can't parse.
    #[test]
    fn messages_tower_lsp_rejects_are_dropped() {
        let deep = [vec![b'['; 200], vec![b']'; 200]].concat();
        for value in [&b"1e999"[..], b"\"\xff\"", &deep, b"\"\\uZZZZ\""] {
            for before in [
                &br#"{"jsonrpc":"2.0","method":"x","extra":"#[..],
                br#"{"jsonrpc":"2.0","id":1,"result":"#,
            ] {
                let bad = [before, value, b"}"].concat();
                let (server, answers, _) = pass(&[framed(&bad), framed(GOOD)].concat());
                assert_eq!(server, framed(GOOD), "{:?}", String::from_utf8_lossy(&bad));
                assert!(String::from_utf8(answers).unwrap().contains("-32700"));
            }
        }
    }

    #[test]
    fn unreadable_request_is_answered_by_id() {
        let bad = br#"{"jsonrpc":"2.0","method":"x","id":7,"extra":1e999}"#;
        assert!(String::from_utf8(pass(&framed(bad)).1).unwrap().contains(r#""id":7"#));
        // An answer's id belongs to a request of the server; the client may use the same id.
        let bad = br#"{"jsonrpc":"2.0","id":7,"result":1e999}"#;
        assert!(String::from_utf8(pass(&framed(bad)).1).unwrap().contains(r#""id":null"#));
    }

    #[test]
    fn lone_surrogates_are_replaced() {
        for (text, expected) in [
            (r#""\ude01a""#, "\u{fffd}a"),
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\ud83d\ud83d\ude01\uDE01""#, "\u{fffd}😁\u{fffd}"),
            (r#""\\ud83d\n""#, "\\ud83d\n"),
        ] {
            let replaced = replace_lone_surrogates(text.as_bytes());
            assert_eq!(serde_json::from_slice::<String>(&replaced).unwrap(), expected, "{text}");
        }
        for cut_off in [&b"\\"[..], b"\\u", b"\\ud83d\\", b"\\ud83d\\u"] {
            replace_lone_surrogates(cut_off);
        }
    }

    #[test]
    fn unreadable_change_closes_its_document() {
        let before = r#"{"jsonrpc":"2.0","method":"textDocument/didChange","params":{
            "textDocument":{"uri":"file:///a.rs"},"contentChanges":[{"text":""#;
        for invalid in [&b"\xff"[..], b"\0", b"\\uZZZZ", b"\n"] {
            let change = [before.as_bytes(), invalid, b"\"}]}}"].concat();
            let (server, _, _) = pass(&framed(&change));
            let server = String::from_utf8(server).unwrap();
            assert!(server.contains("didClose") && server.contains("file:///a.rs"), "{server}");
        }
    }

    #[test]
    fn unreadable_change_closes_its_notebook() {
        let change = br#"{"jsonrpc":"2.0","method":"notebookDocument/didChange","params":{
            "notebookDocument":{"uri":"file:///a.ipynb"},"change":{"metadata":1e999}}}"#;
        let server = String::from_utf8(pass(&framed(change)).0).unwrap();
        assert!(server.contains("notebookDocument/didClose"), "{server}");
        assert!(server.contains("file:///a.ipynb"), "{server}");
    }

    #[test]
    fn invalid_header_ends_the_input() {
        for header in [
            "Content-Length: 10000000000\r\n\r\n",
            "Content-Length: 67108865\r\n\r\n",
            "Content-Length: x\r\n\r\n",
            "Content-Length: -1\r\n\r\n",
            "Content-Type: a\r\n\r\n",
            "hello\r\n\r\n",
            "\r\n",
            &"A: b\r\n".repeat(MAX_LINES),
            &"A".repeat(2_000),
        ] {
            let (server, _, done) = pass(&[header.as_bytes(), &framed(GOOD)].concat());
            assert_eq!(done.unwrap_err().kind(), io::ErrorKind::InvalidData, "{header}");
            assert!(server.is_empty(), "{header}");
        }
    }

    #[test]
    fn other_header_lines_are_ignored() {
        let header = format!("content-length:{}\nA: b\r\nContent-Type: x\r\n\r\n", GOOD.len());
        assert_eq!(pass(&[header.as_bytes(), GOOD].concat()).0, framed(GOOD));
    }

    proptest! {
        #[test]
        fn only_whole_messages_are_passed_on(
            pieces in proptest::collection::vec(
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..40),
                    proptest::collection::vec(any::<u8>(), 0..40).prop_map(|it| framed(&it)),
                    Just(framed(GOOD)),
                    Just(b"Content-Length: 10\r\n".to_vec()),
                ],
                0..8,
            ),
        ) {
            let (server, _, _) = pass(&pieces.concat());
            let whole = framed(GOOD);
            prop_assert!(server.chunks(whole.len()).all(|it| it == whole), "{server:?}");
        }
    }
}
