//! Checks the probabilities by which `suggest.eagerness` decides what is shown.

use foretell_config::Config;
use foretell_engine::{
    bundle::Bundle,
    calibration::{Calibration, Key},
};

use super::check::{Check, Mark};

const NAME: &str = "eagerness";

/// Checks whether the model's probabilities are calibrated. Returns the model that the calibration
/// was measured for.
pub(super) fn check_local(config: &Config, bundle: &Bundle) -> (Check, Option<Key>) {
    let read = Calibration::read(&bundle.calibration_path(), &bundle.calibration_key());
    let key = read.as_ref().ok().and_then(|it| it.as_ref()).map(|it| it.key().clone());
    let Some(min_probability) = config.suggest.min_probability() else {
        return (shows_everything(), key);
    };
    let check = match (read, &key) {
        (Err(error), _) => Check::new(NAME, Mark::Attention, error.to_string()),
        (Ok(_), None) => Check::new(
            NAME,
            Mark::Attention,
            "no calibration was measured for this model, so its own probabilities decide, \
             which are often too high",
        )
        .with_to_do(
            "if too many suggestions are wrong, set `suggest.eagerness` to \"calm\"; \
             `foretell eval --calibrate` measures a calibration",
        ),
        (Ok(_), Some(key)) => {
            let percent = (min_probability * 1e3).round() / 10.0;
            let text = format!(
                "shows what saves keystrokes on average, with a calibrated probability of at \
                 least {percent} %"
            );
            Check::good(NAME, text).with_details(vec![format!(
                "calibration measured for {}, {}, checkpoint {}",
                key.model,
                key.quantization,
                key.source_sha256.get(..12).unwrap_or(&key.source_sha256)
            )])
        }
    };
    (check, key)
}

/// Checks whether a remote server sends log-probabilities. `None` if it generated nothing.
pub(super) fn check_remote(config: &Config, sends_them: Option<bool>) -> Option<Check> {
    if config.suggest.min_probability().is_none() {
        return Some(shows_everything());
    }
    Some(if sends_them? {
        Check::good(NAME, "the server sends log-probabilities; they are not calibrated")
    } else {
        let text = "the server sends no log-probabilities, so suggest.eagerness has no effect: \
                    unlikely suggestions are shown, too";
        Check::new(NAME, Mark::Attention, text)
    })
}

fn shows_everything() -> Check {
    Check::good(NAME, "all suggestions are shown")
}
