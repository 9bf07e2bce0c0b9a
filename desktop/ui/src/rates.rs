//! Rates from byte counters: one value a second for the last minute. Pure.

use std::collections::VecDeque;
use tornado_ui::chart::Values;

/// Values that are kept, one a second.
pub const LENGTH: usize = 60;

/// The course of both rates, bits per second.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rates {
    latest: Option<(u64, u64)>,
    down: VecDeque<f64>,
    up: VecDeque<f64>,
}

impl Rates {
    /// Adds the counters after a second, bytes; `None` without a tunnel, which begins a new course.
    pub fn add(&mut self, counters: Option<(u64, u64)>) {
        let Some((received, sent)) = counters else {
            *self = Self::default();
            return;
        };
        // Counters that go back belong to a new tunnel.
        let before = self.latest.filter(|(down, up)| *down <= received && *up <= sent).unwrap_or((received, sent));
        self.latest = Some((received, sent));
        let bits = |now: u64, before: u64| (now - before) as f64 * 8.0;
        for (course, rate) in [(&mut self.down, bits(received, before.0)), (&mut self.up, bits(sent, before.1))] {
            course.push_back(rate);
            if course.len() > LENGTH {
                course.pop_front();
            }
        }
    }

    /// The latest rates down and up: the mean of the last two seconds, as the counters change once a second.
    pub fn now(&self) -> (f64, f64) {
        let mean = |course: &VecDeque<f64>| course.iter().rev().take(2).sum::<f64>() / 2.0;
        (mean(&self.down), mean(&self.up))
    }

    /// Down and up for a chart of [`LENGTH`] values that ends now.
    pub fn values(&self) -> [Values; 2] {
        [&self.down, &self.up].map(|course| {
            let missing = std::iter::repeat_n(None, LENGTH.saturating_sub(course.len()));
            missing.chain(course.iter().copied().map(Some)).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_difference_of_two_seconds() {
        let mut rates = Rates::default();
        for bytes in [1000, 2000, 4000] {
            rates.add(Some((bytes, 0)));
        }
        assert_eq!(rates.now(), (12_000.0, 0.0));
        assert_eq!(rates.values()[0][LENGTH - 3..], [Some(0.0), Some(8000.0), Some(16_000.0)]);
        assert_eq!(rates.values()[0][0], None, "not measured is a gap");
    }

    #[test]
    fn a_new_tunnel_begins_at_zero() {
        let mut rates = Rates::default();
        rates.add(Some((5000, 5000)));
        rates.add(Some((10, 10)));
        assert_eq!(rates.now(), (0.0, 0.0));
        rates.add(None);
        assert_eq!(rates, Rates::default());
    }

    #[test]
    fn a_minute_is_kept() {
        let mut rates = Rates::default();
        (0..200).for_each(|second| rates.add(Some((second * 1000, 0))));
        assert_eq!(rates.values()[0].len(), LENGTH);
        assert!(rates.values()[0].iter().all(|value| value.is_some()));
    }
}
