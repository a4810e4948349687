//! Cuts a text at the first of some strings.

/// How much of a text may be sent, in bytes, and the string that ends it. Until `is_final`, an end
/// that may be the beginning of such a string is held back.
pub(crate) fn cut<'a>(text: &str, stops: &'a [String], is_final: bool) -> (usize, Option<&'a str>) {
    let stops = stops.iter().map(String::as_str).filter(|it| !it.is_empty());
    let found = stops.clone().filter_map(|stop| Some((text.find(stop)?, stop)));
    if let Some((byte_idx, stop)) = found.min_by_key(|(byte_idx, _)| *byte_idx) {
        return (byte_idx, Some(stop));
    }
    let n_held = |stop: &str| {
        let n_most = text.len().min(stop.len() - 1);
        (1..=n_most).rev().find(|n| text.as_bytes().ends_with(&stop.as_bytes()[..*n]))
    };
    let n_held = if is_final { 0 } else { stops.filter_map(n_held).max().unwrap_or(0) };
    (text.floor_char_boundary(text.len() - n_held), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_before_the_first_stop() {
        let stops = ["\n\n".to_owned(), "END".to_owned(), String::new()];
        let cut = |text, is_final| cut(text, &stops, is_final);
        assert_eq!(cut("a\nb\n\ncEND", false), (3, Some("\n\n")));
        assert_eq!(cut("aEND\n\n", false), (1, Some("END")));
        assert_eq!(cut("aEN", false), (1, None), "it may become END");
        assert_eq!(cut("aEN", true), (3, None));
        assert_eq!(cut("aENx", false), (4, None));
    }
}
