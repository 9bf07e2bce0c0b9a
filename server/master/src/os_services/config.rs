//! Configuration of the units: table `[os_services]`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Maximum number of units.
const MOST: usize = 32;
/// Maximum length of a name, so that it fits into a row of the audit trail.
const MAX_NAME: usize = 100;

/// Units that operators see. Empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OsServices {
    /// Units that operators see.
    pub show: Vec<String>,
    /// Units that they may also start, stop and restart.
    pub allow: Vec<String>,
}

/// A name is not that of a unit, or there are too many.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnit {
    /// Not the name of a unit.
    #[error("'{0}' is not the name of a .service, .socket or .timer of systemd")]
    Name(String),
    /// Too many names.
    #[error("at most {MOST} units can be named")]
    TooMany,
}

impl OsServices {
    /// Checks the names.
    ///
    /// # Errors
    /// A name is not that of a unit, or there are too many.
    pub fn validate(&self) -> Result<(), NotUnit> {
        if let Some(name) = self.shown().iter().find(|name| !is_unit(name)) {
            return Err(NotUnit::Name((*name).to_owned()));
        }
        if self.shown().len() > MOST { Err(NotUnit::TooMany) } else { Ok(()) }
    }

    /// All units by name.
    #[must_use]
    pub fn shown(&self) -> Vec<&str> {
        let names: BTreeSet<_> = self.show.iter().chain(&self.allow).map(String::as_str).collect();
        names.into_iter().collect()
    }

    /// True if operators may start, stop and restart the unit.
    #[must_use]
    pub fn permits(&self, unit: &str) -> bool {
        self.allow.iter().any(|allowed| allowed == unit)
    }
}

/// Characters of names: systemd.unit(5).
fn is_unit(name: &str) -> bool {
    let stem = [".service", ".socket", ".timer"].iter().find_map(|kind| name.strip_suffix(kind));
    let is_valid = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    name.len() <= MAX_NAME && stem.is_some_and(|stem| !stem.is_empty() && stem.chars().all(is_valid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn showing(names: &[&str]) -> OsServices {
        OsServices { show: names.iter().map(|name| (*name).to_owned()).collect(), allow: Vec::new() }
    }

    #[test]
    fn units_are_named_as_systemd_does() {
        assert_eq!(showing(&["nginx.service", "a@b:1.timer", "dev-x\\x2dy.socket"]).validate(), Ok(()));
        for bad in ["nginx", ".service", "a b.service", "../x.service", "a/b.service", "x.target", "x.service "] {
            assert_eq!(showing(&[bad]).validate(), Err(NotUnit::Name(bad.to_owned())));
        }
        let many: Vec<_> = (0..=MOST).map(|number| format!("unit{number}.service")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(showing(&many).validate(), Err(NotUnit::TooMany));
    }

    #[test]
    fn allowed_units_are_shown_too() {
        let config = OsServices { allow: vec!["nginx.service".into()], ..showing(&["nginx.service", "cron.service"]) };
        assert_eq!(config.shown(), ["cron.service", "nginx.service"]);
        assert!(config.permits("nginx.service") && !config.permits("cron.service"));
    }
}
