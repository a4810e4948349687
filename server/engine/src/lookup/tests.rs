use super::*;

/// Its last four tokens occurred before, followed by 5, 6, 7 and 8.
const REPEATED: [u32; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4];
/// Its last token is new.
const NEW: [u32; 4] = [1, 2, 3, 50];

/// A lookup after `n_tokens` tokens, with drafts that are right where `is_right`.
fn after(n_tokens: u32, is_right: impl Fn(u32) -> bool) -> Lookup {
    let mut lookup = Lookup::new(Mode::Adaptive);
    lookup.measure(0, 30.0);
    for n in 0..n_tokens {
        lookup.draft(&REPEATED, &[], MAX_DRAFT);
        let mut all_right = true;
        for drafted in [5, 6, 7, 8] {
            all_right &= is_right(n);
            lookup.observe(if all_right { drafted } else { 99 });
        }
    }
    lookup
}

fn n_drafted(lookup: &mut Lookup) -> usize {
    lookup.draft(&REPEATED, &[], MAX_DRAFT).len()
}

#[test]
fn drafts_grow_with_accuracy() {
    let mut right = after(100, |_| true);
    let mut half = after(100, |n| n % 4 != 0);
    let mut wrong = after(100, |_| false);
    let [right, half, wrong] = [&mut right, &mut half, &mut wrong].map(n_drafted);
    assert!(right > half && half > wrong && wrong == 0, "{right} {half} {wrong}");
}

#[test]
fn drafting_turns_off_and_on_again() {
    let mut lookup = after(100, |_| false);
    assert_eq!(n_drafted(&mut lookup), 0);
    // Nothing is drafted, but each draft would have been right.
    for _ in 0..100 {
        lookup.draft(&REPEATED, &[], MAX_DRAFT);
        lookup.observe(5);
    }
    assert!(n_drafted(&mut lookup) > 0);
}

#[test]
fn wrong_source_is_soon_off() {
    let mut lookup = Lookup::new(Mode::Adaptive);
    let mut n_evaluated = 0;
    for _ in 0..200 {
        n_evaluated += lookup.draft(&REPEATED, &[], MAX_DRAFT).len();
        lookup.observe(99);
    }
    assert!((1..=20).contains(&n_evaluated), "{n_evaluated} draft tokens of a wrong source");
}

#[test]
fn expensive_rows_shorten_drafts() {
    let mut lookup = after(100, |_| true);
    let cheap = n_drafted(&mut lookup);
    for _ in 0..100 {
        lookup.measure(4, 30.0 * 5.4);
    }
    assert!(cheap > 0);
    assert_eq!(n_drafted(&mut lookup), 0, "a draft token costs more than a step");
}

#[test]
fn draft_never_exceeds_the_limit() {
    let history = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3];
    assert_eq!(Lookup::new(Mode::Fixed(4)).draft(&history, &[], 2), [4, 5]);
    assert_eq!(Lookup::new(Mode::Fixed(2)).draft(&history, &[], 9), [4, 5]);
    assert!(Lookup::new(Mode::Off).draft(&history, &[], 9).is_empty());
}

#[test]
fn draft_ends_where_occurrences_differ() {
    let draft_after = |names: [u32; 4]| {
        let lines = names.map(|name| [1, 2, 3, 4, name, 5, 6, 7, 8]);
        let history = [lines.as_flattened(), &[1, 2, 3]].concat();
        Lookup::new(Mode::Adaptive).draft(&history, &[], 4)
    };
    assert_eq!(draft_after([20, 20, 20, 20]), [4, 20, 5, 6]);
    assert_eq!(draft_after([20, 21, 22, 23]), [4]);
}

#[test]
fn earlier_generations_are_drafted_again() {
    let mut lookup = Lookup::new(Mode::Fixed(2));
    lookup.begin();
    for token in [50, 60, 70] {
        lookup.observe(token);
    }
    assert!(lookup.draft(&NEW, &[], 9).is_empty(), "the current generation is in the history");
    lookup.begin();
    assert_eq!(lookup.draft(&NEW, &[], 9), [60, 70]);
    for _ in 0..2 * MAX_RECENT {
        lookup.begin();
        lookup.observe(1);
        lookup.observe(2);
    }
    assert_eq!(lookup.recent.len(), MAX_RECENT);
    assert!(lookup.draft(&NEW, &[], 9).is_empty(), "old ones are dropped");
}

#[test]
fn only_the_prompt_is_searched_if_asked() {
    let mut lookup = Lookup::new(Mode::OnlyPrompt);
    for _ in 0..2 {
        lookup.begin();
        for token in [50, 60, 70, 50, 60, 70] {
            lookup.observe(token);
        }
    }
    assert!(lookup.draft(&NEW, &[vec![2, 3, 50, 60, 70]], 9).is_empty());
    assert_eq!(lookup.draft(&REPEATED, &[], 9), [5, 6]);
}
