//! Runs each target in `fuzz/targets.rs` on its corpus, then on random mutations of it for
//! `FUZZ_SECONDS` (default 10). An input that violates an invariant is saved in `target/fuzz`; add
//! it to the corpus with the fix. `FUZZ_SEED` reproduces a run. `make fuzz` is the longer,
//! coverage-guided version.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "fuzz/targets.rs"]
mod targets;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};
use targets::{TARGETS, Target};

/// The saved inputs, one folder per target.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/corpus");
/// The longest that one input may take.
const MAX_TIME: Duration = Duration::from_secs(1);
/// When an input counts as hanging; shorter waits may be caused by other load.
const HANG_TIME: Duration = Duration::from_secs(60);
/// The longest mutated input.
const MAX_BYTES: usize = 4096;
/// Fragments inserted into inputs, besides pieces of other inputs.
const WORDS: [&[u8]; 14] = [
    b"Content-Length: ",
    b"\r\n\r\n",
    b"{\"jsonrpc\":\"2.0\",\"id\":1,",
    b"\"method\":",
    b"null",
    b"-1",
    b"18446744073709551616",
    b"1e999",
    b"\xff",
    "é😀".as_bytes(),
    b"\r\n",
    b"\0",
    b"\"",
    "\u{202e}".as_bytes(),
];

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(Path::new(CORPUS).join(name))
        .expect("the target has a corpus")
        .map(|it| it.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// A random input with a few mutations.
fn mutated(seeds: &[Vec<u8>], rng: &mut TestRng) -> Vec<u8> {
    let mut below = |n: usize| (rng.next_u64() % n.max(1) as u64) as usize;
    let mut input = seeds[below(seeds.len())].clone();
    for _ in 0..=below(6) {
        let at = below(input.len() + 1);
        let end = (at + below(16)).min(input.len());
        let new = match below(6) {
            0 => vec![below(256) as u8],
            1 => WORDS[below(WORDS.len())].to_vec(),
            2 => Vec::new(),
            3 => input[at..end].repeat(2 + below(4)),
            _ => {
                let other = &seeds[below(seeds.len())];
                let from = below(other.len() + 1);
                other[from..(from + below(64)).min(other.len())].to_vec()
            }
        };
        let end = if below(2) == 0 { at } else { end };
        input.splice(at..end, new);
        input.truncate(MAX_BYTES);
    }
    input
}

/// Saves an input that violates an invariant.
fn save(name: &str, input: &[u8]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{name}-{}", std::process::id()));
    std::fs::write(&file, input).unwrap();
    eprintln!("{name}: the input is in {}", file.display());
}

/// Runs the target and returns the time it took; saves the input if the target panics.
fn feed(name: &str, target: Target, input: &[u8], watch: &Watch) -> Duration {
    let started = Instant::now();
    *watch.begun.lock().unwrap() = Some((started, input.to_vec()));
    let done = catch_unwind(AssertUnwindSafe(|| target(input)));
    let took = started.elapsed();
    *watch.begun.lock().unwrap() = None;
    if let Err(panic) = done {
        save(name, input);
        std::panic::resume_unwind(panic);
    }
    took
}

/// The input that a target is working on, and its start.
type Begun = Option<(Instant, Vec<u8>)>;

/// Saves an input that hangs and aborts, as the hanging thread can't.
struct Watch {
    begun: Arc<Mutex<Begun>>,
    _ends: mpsc::Sender<()>,
}

impl Watch {
    fn new(name: &'static str) -> Self {
        let begun = Arc::new(Mutex::new(Begun::None));
        let (_ends, end) = mpsc::channel();
        let watched = Arc::clone(&begun);
        std::thread::spawn(move || {
            while end.recv_timeout(MAX_TIME) == Err(RecvTimeoutError::Timeout) {
                if let Some((started, input)) = &*watched.lock().unwrap()
                    && started.elapsed() > HANG_TIME
                {
                    save(name, input);
                    eprintln!("{name}: no end after {HANG_TIME:?}");
                    std::process::abort();
                }
            }
        });
        Self { begun, _ends }
    }
}

fn fuzz(name: &'static str) {
    let (_, target) = *TARGETS.iter().find(|it| it.0 == name).unwrap();
    let seconds = std::env::var("FUZZ_SECONDS").map_or(10, |it| it.parse().unwrap());
    let mut seeds = seeds(name);
    let number =
        std::env::var("FUZZ_SEED").map_or(u64::from(std::process::id()), |it| it.parse().unwrap());
    println!("fuzz {name}: FUZZ_SEED={number}");
    let watch = Watch::new(name);
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut n_inputs, mut slowest) = (0, Duration::ZERO);
    let n_kept = seeds.len();
    while n_inputs < n_kept || Instant::now() < end {
        let input =
            if n_inputs < n_kept { seeds[n_inputs].clone() } else { mutated(&seeds, &mut rng) };
        let mut took = feed(name, target, &input, &watch);
        for _ in 0..3 {
            if took > MAX_TIME {
                // Other processes may have used the CPU.
                took = took.min(feed(name, target, &input, &watch));
            }
        }
        if took > MAX_TIME {
            save(name, &input);
            panic!("{name}: {took:?} for {:?}", String::from_utf8_lossy(&input));
        }
        slowest = slowest.max(took);
        n_inputs += 1;
        // Mutations of mutations reach further.
        if n_inputs % 64 == 0 && seeds.len() < 4 * n_kept.max(16) {
            seeds.push(input);
        }
    }
    println!(
        "fuzz {name}: {n_inputs} inputs, {n_kept} of them from the corpus; the slowest took {slowest:?}"
    );
}

#[test]
fn wire() {
    fuzz("wire");
}

#[test]
fn messages() {
    fuzz("messages");
}

#[test]
fn edits() {
    fuzz("edits");
}

#[test]
fn next_edit() {
    fuzz("next_edit");
}

#[test]
fn manifest() {
    fuzz("manifest");
}

#[test]
fn tokenizer() {
    fuzz("tokenizer");
}

#[test]
fn policy() {
    fuzz("policy");
}

#[test]
fn scanner() {
    fuzz("scanner");
}
