//! The default model as the judge of edits. Needs `make model`.

use foretell_config::Config;
use foretell_engine::{EngineState, Progress};
use foretell_session::{
    completer::{Completer, preference},
    document::Snapshot,
    prompt::judged::JudgedEdit,
    session::judge::MARGIN_NATS,
};

/// Judges the edit at `[old|new]`, after the edit in `{}`.
async fn judged(completer: &Completer, marked: &str) -> Progress {
    let (before, rest) = marked.split_once('[').unwrap();
    let (edit, after) = rest.split_once(']').unwrap();
    let (old, new) = edit.split_once('|').unwrap();
    let (start, end) = (before.find('{').unwrap(), before.find('}').unwrap());
    let before = before.replace(['{', '}'], "");
    let range = before.len()..before.len() + old.len();
    let text = format!("{before}{old}{after}");
    let edits = std::iter::once(start..end - 1).collect();
    let edit = JudgedEdit { range, new: new.to_owned(), edits };
    let snapshot = Snapshot::of_text("file:///shapes.py", "python", &text);
    let mut generation = completer.judge(&snapshot, &edit).unwrap();
    while generation.progress().finish.is_none() && generation.changed().await {}
    generation.progress()
}

#[tokio::test]
async fn judge_tells_a_use_from_another_parameter_of_the_same_name() {
    let completer = Completer::start(&Config::default());
    assert_eq!(completer.loaded().await, EngineState::Ready);
    let declared = "def area(w, {tall}):\n    return w * [height|tall]\n";
    let another = "def area(w, {tall}):\n    return w * tall\n\n\n\
        def volume(w, height, depth):\n    return w * [height|tall] * depth\n";
    let cold = judged(&completer, declared).await;
    let preferences = [preference(&cold), preference(&judged(&completer, another).await)];
    println!("{preferences:?}");
    let [Some(this), Some(other)] = preferences else { panic!("{preferences:?}") };
    assert!(this >= MARGIN_NATS && other < MARGIN_NATS, "{preferences:?}");
    // Most of the prompt is in the KV cache by now.
    let warm = judged(&completer, declared).await;
    assert!(warm.figures.reused > cold.figures.reused, "{:?}", warm.figures);
    assert_eq!(warm.log_probabilities, cold.log_probabilities);
}
