//! Copies: text that was just written or pasted, and is now adapted.

use std::ops::Range;

use crate::history::Placed;

/// The text that the last edit adapts: one that the user has written or pasted before, or one that
/// equals it and is next to it, because editors insert the copy of a line above or below it.
pub(crate) fn adapted(text: &str, placed: &[Placed]) -> Option<Range<usize>> {
    let last = placed.first()?;
    if last.written.is_some() {
        return last.written.clone();
    }
    let copy = placed.iter().position(|it| it.before.is_empty() && it.after.contains('\n'))?;
    let Placed { range, after, .. } = &placed[copy];
    let is_below = last.range.start >= range.end;
    // The text around the copy when it was made.
    let mut later: Vec<&Placed> = placed[..copy].iter().collect();
    later.sort_by_key(|it| it.range.start);
    let (mut original, mut done, mut removed) = (String::new(), 0, Vec::new());
    for it in later {
        original += text.get(done..it.range.start)?;
        removed.push((original.len(), it));
        original += &it.before;
        done = it.range.end;
    }
    original += text.get(done..)?;
    let at_that_time = |at: usize| {
        let before = removed.iter().rev().find(|(_, it)| it.range.end <= at);
        before.map_or(at, |(start, it)| at - it.range.end + start + it.before.len())
    };
    let (start, end) = (at_that_time(range.start), at_that_time(range.end));
    let twin = if is_below {
        original.get(end..)?.starts_with(after).then_some(end..end + after.len())
    } else {
        original.get(..start)?.ends_with(after).then(|| start - after.len()..start)
    }?;
    let is_in_twin =
        |(at, it): &&(usize, &Placed)| twin.start <= *at && at + it.before.len() <= twin.end;
    let in_twin: Vec<&Placed> = removed.iter().filter(is_in_twin).map(|it| it.1).collect();
    let n_more: usize = in_twin.iter().map(|it| it.after.len()).sum();
    let n_less: usize = in_twin.iter().map(|it| it.before.len()).sum();
    let n_bytes = after.len() + n_more - n_less;
    let now =
        if is_below { range.end..range.end + n_bytes } else { range.start - n_bytes..range.start };
    in_twin.contains(&last).then_some(now)
}
