//! The newest metrics, for live readers and exports.

use super::Families;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::watch;
use tornado_contracts::telemetry::metrics::Samples;

/// Shared by the sampler, the contract and the export.
#[derive(Debug)]
pub struct Current {
    families: Mutex<Arc<Families>>,
    newest: watch::Sender<Arc<Samples>>,
}

impl Default for Current {
    fn default() -> Self {
        Self { families: Mutex::default(), newest: watch::Sender::new(Arc::default()) }
    }
}

impl Current {
    /// Replaces the metrics, and wakes live readers.
    pub fn publish(&self, samples: Samples, families: Arc<Families>) {
        *self.families.lock() = families;
        self.newest.send_replace(Arc::new(samples));
    }

    /// All metrics as they were read last.
    #[must_use]
    pub fn families(&self) -> Arc<Families> {
        self.families.lock().clone()
    }

    /// The newest samples.
    #[must_use]
    pub fn newest(&self) -> Arc<Samples> {
        self.newest.borrow().clone()
    }

    /// Waits for samples of another time than `after`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&self, after: Option<i64>) -> Arc<Samples> {
        let mut reader = self.newest.subscribe();
        match reader.wait_for(|samples| Some(samples.at) != after).await {
            Ok(samples) => samples.clone(),
            Err(_) => self.newest(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_live_reader_gets_each_sample_once() {
        let current = Current::default();
        let publish = |at| current.publish(Samples { at, ..Samples::default() }, Arc::default());
        publish(1);
        assert_eq!(current.next(None).await.at, 1);
        let waits = tokio::time::timeout(Duration::from_secs(1), current.next(Some(1))).await;
        assert!(waits.is_err());
        publish(2);
        assert_eq!(current.next(Some(1)).await.at, 2);
    }
}
