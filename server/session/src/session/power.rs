//! Detects whether the machine runs on battery.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// How long a reading stays valid.
const FRESH: Duration = Duration::from_secs(30);

/// The power source, read when needed.
#[derive(Debug, Default)]
pub(super) struct Power(Mutex<Option<(Instant, bool)>>);

impl Power {
    /// Whether the machine runs on battery; `false` if unknown.
    pub(super) fn on_battery(&self) -> bool {
        let mut last = self.0.lock();
        match *last {
            Some((at, on_battery)) if at.elapsed() < FRESH => on_battery,
            _ => {
                let on_battery = on_battery();
                *last = Some((Instant::now(), on_battery));
                on_battery
            }
        }
    }
}

#[cfg(target_os = "macos")]
fn on_battery() -> bool {
    let output = std::process::Command::new("/usr/bin/pmset").args(["-g", "ps"]).output();
    output.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains("'Battery Power'"))
}

#[cfg(not(target_os = "macos"))]
fn on_battery() -> bool {
    is_discharging(Path::new("/sys/class/power_supply"))
}

/// Reads Linux's power supply files (`Documentation/ABI/testing/sysfs-class-power`). The battery of
/// a peripheral such as a mouse has the scope `Device`.
#[cfg_attr(target_os = "macos", allow(dead_code, reason = "tested on every system"))]
fn is_discharging(supplies: &Path) -> bool {
    let Ok(supplies) = std::fs::read_dir(supplies) else { return false };
    let (mut has_mains, mut has_discharging) = (false, false);
    for supply in supplies.flatten() {
        let read = |name| std::fs::read_to_string(supply.path().join(name)).unwrap_or_default();
        let kind = read("type");
        if kind.trim() == "Battery" {
            has_discharging |=
                read("status").trim() == "Discharging" && read("scope").trim() != "Device";
        } else {
            has_mains |= read("online").trim() == "1";
        }
    }
    has_discharging && !has_mains
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes power supplies with the content of their files.
    #[track_caller]
    fn check(supplies: &[&[(&str, &str)]], expected: bool) {
        let folder = tempfile::tempdir().unwrap();
        for (n, files) in supplies.iter().enumerate() {
            let supply = folder.path().join(n.to_string());
            std::fs::create_dir(&supply).unwrap();
            for (name, text) in *files {
                std::fs::write(supply.join(name), format!("{text}\n")).unwrap();
            }
        }
        assert_eq!(is_discharging(folder.path()), expected, "{supplies:?}");
    }

    #[test]
    fn battery_is_recognised() {
        let battery = |status| [("type", "Battery"), ("status", status)];
        let mains = |online| [("type", "Mains"), ("online", online)];
        check(&[], false);
        check(&[&mains("0"), &battery("Discharging")], true);
        check(&[&battery("Discharging")], true);
        check(&[&mains("1"), &battery("Discharging")], false);
        check(&[&mains("1"), &battery("Charging")], false);
        check(&[&battery("Full")], false);
        check(&[&[("type", "Battery"), ("status", "Discharging"), ("scope", "Device")]], false);
        assert!(!is_discharging(Path::new("/nonexistent")));
    }
}
