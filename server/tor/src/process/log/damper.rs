//! Collapses repeated lines in Tor's log, because a device can trigger some of them at will. Time is an argument.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Lines of one kind that are logged within a window.
const ADMITTED: u32 = 5;
/// The first window of a kind. While lines of the kind go on, each window is twice as long as the one before.
const WINDOW: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);
/// Maximum number of kinds. Further kinds are counted together.
const KINDS: usize = 64;

/// Counts lines by kind.
#[derive(Debug, Default)]
pub(crate) struct Damper {
    kinds: HashMap<String, Kind>,
}

#[derive(Debug)]
struct Kind {
    since: Instant,
    window: Duration,
    count: u32,
}

impl Damper {
    /// Returns `None` if the line exceeds the limit of its kind. Otherwise returns how many lines of that kind were
    /// suppressed in the window that has just ended.
    pub(crate) fn admit(&mut self, line: &str, now: Instant) -> Option<u32> {
        let mut kind = kind(line);
        if self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind) {
            self.kinds.retain(|_, kind| now.saturating_duration_since(kind.since) < kind.window);
            if self.kinds.len() >= KINDS {
                kind.clear();
            }
        }
        let entry = self.kinds.entry(kind).or_insert(Kind { since: now, window: WINDOW, count: 0 });
        let mut suppressed = 0;
        let age = now.saturating_duration_since(entry.since);
        if age >= entry.window {
            suppressed = entry.count.saturating_sub(ADMITTED);
            // A window that ended long ago was followed by silence.
            let goes_on = age < entry.window.saturating_mul(2);
            let window = if goes_on { entry.window.saturating_mul(2).min(LONGEST) } else { WINDOW };
            *entry = Kind { since: now, window, count: 0 };
        }
        entry.count = entry.count.saturating_add(1);
        (entry.count <= ADMITTED).then_some(suppressed)
    }
}

/// The text after Tor's date and level, without digits and quoted parts.
fn kind(line: &str) -> String {
    let text = line.split_once("] ").map_or(line, |(_, text)| text);
    let mut quoted = false;
    let plain = text.chars().filter(|c| {
        if matches!(c, '\'' | '"') {
            quoted = !quoted;
        }
        !quoted && !c.is_ascii_digit()
    });
    plain.take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_a_few_lines_and_a_count() {
        let (mut damper, start) = (Damper::default(), Instant::now());
        let line = |n: u32| {
            format!(
                "Nov 27 07:00:{:02}.000 [warn] Missing mapping for virtual address '10.192.{}.{}'. Refusing.",
                n % 60,
                n / 256,
                n % 256
            )
        };
        let admitted = (0..10_000).filter(|n| damper.admit(&line(*n), start).is_some()).count();
        assert_eq!(admitted, 5);
        // Lines of other kinds are still logged.
        assert_eq!(damper.admit("Nov 27 07:00:00.000 [err] Could not bind", start), Some(0));
        let later = start + WINDOW;
        assert_eq!(damper.admit(&line(1), later), Some(9_995));
        assert_eq!(damper.admit(&line(2), later), Some(0));
    }

    #[test]
    fn lines_that_go_on_for_a_day_become_rare_and_return_after_silence() {
        let (mut damper, start) = (Damper::default(), Instant::now());
        let mut at = |seconds: u64| {
            damper.admit("x] Problem bootstrapping. Stuck at 5%", start + Duration::from_secs(seconds)).is_some()
        };
        // Three each minute, as of a Tor that is started again every 20 seconds without a network.
        let hours: Vec<usize> = (0..24).map(|hour| (0..180).filter(|n| at(hour * 3600 + n * 20)).count()).collect();
        assert!(hours[0] <= 30 && hours[2..].iter().all(|count| *count <= 5), "{hours:?}");
        assert!(hours.iter().all(|count| *count > 0), "{hours:?}");
        let later = 24 * 3600 + 7_300;
        assert_eq!((0..6).map(|n| at(later + n)).collect::<Vec<_>>(), [true, true, true, true, true, false]);
        assert!(at(later + 61), "the first window after silence is short");
    }

    #[test]
    fn the_number_of_kinds_is_bounded() {
        let (mut damper, start) = (Damper::default(), Instant::now());
        let word = |n: u32| -> String {
            format!("x] {}", n.to_string().bytes().map(|b| char::from(b + 49)).collect::<String>())
        };
        let admitted = (0..10_000).filter(|n| damper.admit(&word(*n), start).is_some()).count();
        assert!(admitted < 100 && damper.kinds.len() <= KINDS + 1, "{admitted}");
    }
}
