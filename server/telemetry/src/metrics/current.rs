//! Current values of the services, and the newest samples for live readers.

use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tornado_contracts::telemetry::metrics::Samples;

/// Values of one service.
const MAX_VALUES: usize = 200;
/// Longest name of a metric.
const MAX_NAME: usize = 128;
/// Age at which values of a service are no longer current.
const FRESH: Duration = Duration::from_secs(10);

/// Shared by the sampler and the contract.
#[derive(Debug)]
pub struct Current {
    services: Mutex<HashMap<String, Recorded>>,
    newest: watch::Sender<Samples>,
}

/// Values of one service, and when they were set.
#[derive(Debug)]
struct Recorded {
    at: Instant,
    values: BTreeMap<String, f64>,
}

impl Default for Current {
    fn default() -> Self {
        Self { services: Mutex::default(), newest: watch::Sender::new(Samples::default()) }
    }
}

impl Current {
    /// Replaces the values of a service.
    ///
    /// # Errors
    /// When there are too many, or a name or a value is not valid.
    pub fn record(&self, service: &str, values: &BTreeMap<String, f64>) -> Result<(), &'static str> {
        if values.len() > MAX_VALUES {
            return Err("too many values");
        }
        if !values.iter().all(|(name, value)| is_name(name) && value.is_finite()) {
            return Err("a name or a value is not valid");
        }
        let values = values.iter().map(|(name, value)| (format!("{service}.{name}"), *value)).collect();
        self.services.lock().insert(service.to_owned(), Recorded { at: Instant::now(), values });
        Ok(())
    }

    /// The values of all services that are current.
    #[must_use]
    pub fn collect(&self) -> BTreeMap<String, f64> {
        let mut services = self.services.lock();
        services.retain(|_, recorded| recorded.at.elapsed() < FRESH);
        services.values().flat_map(|recorded| recorded.values.clone()).collect()
    }

    /// Hands samples to live readers.
    pub fn publish(&self, samples: Samples) {
        self.newest.send_replace(samples);
    }

    /// The newest samples.
    #[must_use]
    pub fn newest(&self) -> Samples {
        self.newest.borrow().clone()
    }

    /// Waits for samples of another time than `after`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&self, after: Option<i64>) -> Samples {
        let mut reader = self.newest.subscribe();
        match reader.wait_for(|samples| Some(samples.at) != after).await {
            Ok(samples) => samples.clone(),
            Err(_) => self.newest(),
        }
    }
}

/// Letters, digits and `_.`, then optionally `{label=value}`, in which values may also have `-:/`.
fn is_name(name: &str) -> bool {
    let (base, labels) = name.split_once('{').unwrap_or((name, "}"));
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let is_label = |c: char| is_word(c) || matches!(c, '=' | ',' | '-' | ':' | '/');
    let labels = labels.strip_suffix('}');
    name.len() <= MAX_NAME
        && !base.is_empty()
        && base.chars().all(is_word)
        && labels.is_some_and(|l| l.chars().all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn values_of_a_silent_service_expire() {
        let current = Current::default();
        current.record("wg", &[("peers{lane=tor}".to_owned(), 3.0)].into()).unwrap();
        assert_eq!(current.collect(), [("wg.peers{lane=tor}".to_owned(), 3.0)].into());
        tokio::time::advance(FRESH).await;
        assert!(current.collect().is_empty());
    }

    #[test]
    fn wrong_names_and_values_are_rejected() {
        let record = |name: &str, value: f64| Current::default().record("wg", &[(name.to_owned(), value)].into());
        assert!(record("a.b_c", 1.0).is_ok());
        for (name, value) in [("", 1.0), ("a b", 1.0), ("a{b", 1.0), ("a{b=\"c\"}", 1.0), ("a\n", 1.0), ("a", f64::NAN)]
        {
            assert!(record(name, value).is_err(), "{name} {value}");
        }
        let many: BTreeMap<String, f64> = (0..=MAX_VALUES).map(|n| (format!("v{n}"), 1.0)).collect();
        assert!(Current::default().record("wg", &many).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_live_reader_gets_each_sample_once() {
        let current = Current::default();
        current.publish(Samples { at: 1, ..Samples::default() });
        assert_eq!(current.next(None).await.at, 1);
        let waits = tokio::time::timeout(Duration::from_secs(1), current.next(Some(1))).await;
        assert!(waits.is_err());
        current.publish(Samples { at: 2, ..Samples::default() });
        assert_eq!(current.next(Some(1)).await.at, 2);
    }
}
