use super::*;

/// Samples at a few probabilities, a share of which is right. Each row of them is one case.
fn cases(place: Place, share: impl Fn(f64) -> f64) -> Vec<Vec<Sample>> {
    let row = |i: usize| {
        let sample = |probability: f64| {
            // The number of right rows so far never deviates from the share by more than one.
            let n_right = |rows: usize| (share(probability) * rows as f64).floor();
            Sample { probability, is_right: n_right(i + 1) > n_right(i), place }
        };
        [0.05, 0.3, 0.5, 0.7, 0.9, 0.98].map(sample).to_vec()
    };
    (0..200).map(row).collect()
}

fn fitted(method: Method, cases: &[Vec<Sample>]) -> Curves {
    Candidate { method, by_place: false }.fit(&cases.concat()).unwrap()
}

#[test]
fn fits_find_overconfidence() {
    let cases = cases(Place::MidLine, |it| it * it);
    for method in Method::ALL {
        let it = fitted(method, &cases).curve;
        for probability in [0.3, 0.5, 0.7, 0.9] {
            let found = it.share(probability);
            let expected = probability * probability;
            assert!((found - expected).abs() < 0.08, "{method:?}: {found}, not {expected}");
        }
    }
}

#[test]
fn platt_keeps_calibrated_probabilities() {
    let it = fitted(Method::Platt, &cases(Place::MidLine, |it| it)).curve;
    for probability in [0.1, 0.3, 0.5, 0.7, 0.9] {
        assert!((it.share(probability) - probability).abs() < 0.02, "{probability}");
    }
}

#[test]
fn isotonic_curve_rises_where_shares_do_not() {
    let it = fitted(Method::Isotonic, &cases(Place::MidLine, |it| 1.0 - it)).curve;
    let shares = [0.05, 0.3, 0.5, 0.7, 0.9].map(|p| it.share(p));
    assert!(shares.is_sorted(), "{shares:?}");
    assert!((it.share(0.9) - 0.43).abs() < 0.02, "the mean share of all: {shares:?}");
}

#[test]
fn cross_validation_prefers_curves_by_place() {
    let loss = |cases: &[Vec<Sample>], by_place| {
        let candidate = Candidate { method: Method::Isotonic, by_place };
        cross_validate(cases, candidate).unwrap().log_loss
    };
    let cases =
        [cases(Place::MidLine, |it| it), cases(Place::LineStart, |it| it * it * it)].concat();
    assert!(loss(&cases, true) < loss(&cases, false) - 0.01);
    let curves = Candidate { method: Method::Isotonic, by_place: true }.fit(&cases.concat());
    let places = curves.unwrap().places;
    assert!(places[&Place::MidLine].share(0.7) > places[&Place::LineStart].share(0.7) + 0.2);
}

#[test]
fn too_few_samples_are_not_fitted() {
    let cases = cases(Place::MidLine, |it| it);
    let few: Vec<Sample> = cases.concat().into_iter().take(40).collect();
    assert!(Candidate { method: Method::Platt, by_place: false }.fit(&few).is_none());
}
