//! Names of devices, so that a list that is read every second does not ask for them each time.

use parking_lot::Mutex;
use std::collections::HashMap;

/// How long a name is used, in seconds. A new name appears after this time.
const KEPT: i64 = 30;
/// Names that are kept.
const MAX: usize = 50_000;

struct Name {
    at: i64,
    text: String,
}

impl Name {
    fn is_recent(&self, now: i64) -> bool {
        (0..KEPT).contains(&(now - self.at))
    }
}

/// The names by device; empty for a device without a name. Every role that may read sessions may read devices, too.
#[derive(Default)]
pub struct Names(Mutex<HashMap<String, Name>>);

impl Names {
    /// The name of a device. `None`: it has to be read.
    pub fn find(&self, device: &str, now: i64) -> Option<String> {
        self.0.lock().get(device).filter(|name| name.is_recent(now)).map(|name| name.text.clone())
    }

    /// Keeps names that were read at `now`. Without room for them, they are read again.
    pub fn keep(&self, names: impl IntoIterator<Item = (String, String)>, now: i64) {
        let mut all = self.0.lock();
        for (device, text) in names {
            if all.len() >= MAX && !all.contains_key(&device) {
                all.retain(|_, name| name.is_recent(now));
                if all.len() >= MAX {
                    return;
                }
            }
            all.insert(device, Name { at: now, text });
        }
    }

    /// Drops names that are no longer used.
    pub fn tidy(&self, now: i64) {
        self.0.lock().retain(|_, name| name.is_recent(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_used_for_half_a_minute() {
        let names = Names::default();
        names.keep([("7".to_owned(), "laptop".to_owned()), ("8".to_owned(), String::new())], 1000);
        assert_eq!(names.find("7", 1029).as_deref(), Some("laptop"));
        assert_eq!(names.find("8", 1029).as_deref(), Some(""), "it has none, and is not read again");
        assert_eq!((names.find("7", 1030), names.find("7", 999), names.find("9", 1000)), (None, None, None));
        names.tidy(1030);
        assert!(names.0.lock().is_empty());
    }

    #[test]
    fn memory_is_bounded_and_recovers() {
        let names = Names::default();
        names.keep((0..=MAX).map(|device| (device.to_string(), String::new())), 0);
        assert_eq!(names.0.lock().len(), MAX);
        names.keep([("late".to_owned(), "phone".to_owned())], KEPT);
        assert_eq!(names.find("late", KEPT).as_deref(), Some("phone"));
    }
}
