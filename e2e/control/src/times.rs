//! Results of a series of calls.

use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinSet;

/// Completed calls.
#[derive(Debug, Default)]
pub struct Calls {
    /// Durations of the successful calls.
    pub took: Vec<Duration>,
    /// Number of calls that were rejected or got no response.
    pub failed: usize,
    /// Error of one of the failed calls.
    pub complaint: Option<String>,
}

impl Calls {
    /// Collects the results of all callers after they have ended.
    pub async fn of(mut callers: JoinSet<Self>) -> anyhow::Result<Self> {
        let mut all = Self::default();
        while let Some(calls) = callers.join_next().await {
            all.join(calls?);
        }
        Ok(all)
    }

    /// Records a call.
    pub fn note<T>(&mut self, took: Duration, result: anyhow::Result<T>) {
        match result {
            Ok(_) => self.took.push(took),
            Err(error) => {
                self.failed += 1;
                self.complaint.get_or_insert_with(|| format!("{error:#}"));
            }
        }
    }

    /// Adds the results of another caller.
    pub fn join(&mut self, other: Self) {
        self.took.extend(other.took);
        self.failed += other.failed;
        if self.complaint.is_none() {
            self.complaint = other.complaint;
        }
    }

    /// Count, rate per second, and percentiles in milliseconds.
    pub fn report(mut self, elapsed: Duration) -> Value {
        self.took.sort_unstable();
        let seconds = elapsed.as_secs_f64();
        json!({
            "count": self.took.len(),
            "seconds": seconds,
            "rate": self.took.len() as f64 / seconds.max(1e-9),
            "p50_ms": percentile(&self.took, 50),
            "p99_ms": percentile(&self.took, 99),
            "failed": self.failed,
            "complaint": self.complaint,
        })
    }
}

/// A percentile of sorted durations in milliseconds, by the nearest-rank method.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(100.0));
        assert_eq!(percentile(&times, 99), Some(198.0));
        assert_eq!(percentile(&times[..1], 99), Some(1.0));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn a_refusal_is_no_call_that_ended_well() {
        let mut calls = Calls::default();
        calls.note(Duration::from_millis(5), Ok(1));
        calls.note::<()>(Duration::from_millis(1), Err(anyhow::anyhow!("no")));
        let report = calls.report(Duration::from_millis(500));
        assert_eq!((report["count"].as_u64(), report["failed"].as_u64()), (Some(1), Some(1)));
        assert_eq!(report["rate"], 2.0);
        assert_eq!(report["complaint"], "no");
    }
}
