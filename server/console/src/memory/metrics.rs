//! Courses of metrics for the charts of pages, and ages.

use crate::memory::courses::{Courses, Metrics, latest};
use tornado_admin_api::AdminApi;
use tornado_admin_api::types::NoInput;
use tornado_admin_ui::model::Values;
use tornado_admin_ui::model::overview::{Count, Range};

/// Seconds from `then` to `now`; 0 if a clock was set.
pub fn age(now: i64, then: i64) -> u64 {
    u64::try_from(now - then).unwrap_or(0)
}

/// Names of the metrics of the pages. Those with labels that differ between machines are found by their start.
pub async fn names(api: &dyn AdminApi) -> Vec<String> {
    let starts = [
        "tornado_sessions{",
        "tornado_lane_sent_bytes_per_second{",
        "tornado_lane_received_bytes_per_second{",
        "tornado_connects_per_second{",
        "tornado_host_cpu_ratio",
        "tornado_host_memory_",
        "tornado_host_network_received_bytes_per_second{",
        "tornado_host_network_sent_bytes_per_second{",
        "tornado_host_disk_total_bytes{",
        "tornado_host_disk_available_bytes{",
        "tornado_database_up{",
        "tornado_database_latency_seconds_mean{",
        "tornado_tor_streams{",
        "tornado_tor_bootstrap_ratio{",
        "process_cpu_seconds_per_second{",
    ];
    let all = api.list_metrics(NoInput {}).await.map(|list| list.items).unwrap_or_default();
    all.into_iter().filter(|name| starts.iter().any(|start| name.starts_with(start))).take(100).collect()
}

/// Metrics over the range of the charts, and of the last two minutes: these have the current values, also where a point
/// of the range is the average of many minutes, or does not exist yet.
#[derive(Default)]
pub struct Measured {
    /// Over the range.
    pub range: Metrics,
    /// Over the last two minutes.
    pub live: Metrics,
}

impl Measured {
    /// The course that `of` makes of the metrics, and its current value.
    pub fn course(&self, of: impl Fn(&Metrics) -> Values) -> (Values, Option<f64>) {
        let course = of(&self.range);
        let now = latest(&of(&self.live)).or_else(|| latest(&course));
        (course, now)
    }

    /// A course of whole numbers, and the current one.
    pub fn count(&self, of: impl Fn(&Metrics) -> Values) -> Count {
        let (course, now) = self.course(of);
        Count { now: now.map(|value| value.max(0.0).round() as u64), course }
    }

    /// The current value of one metric.
    pub fn now(&self, name: &str) -> Option<f64> {
        self.course(|metrics| metrics.get(name).cloned().unwrap_or_default()).1
    }
}

/// The metrics of the charts; none while `telemetry` does not respond.
pub async fn read(api: &dyn AdminApi, courses: &Courses, range: Range, now: i64) -> Measured {
    let names = names(api).await;
    let (range, live) =
        futures::join!(courses.read(api, &names, range, now), courses.read(api, &names, Range::Live, now));
    Measured { range: range.unwrap_or_default(), live: live.unwrap_or_default() }
}

/// The courses of metrics whose name has this start.
pub fn starting<'a>(metrics: &'a Metrics, start: &'a str) -> impl Iterator<Item = Option<&'a Values>> + 'a {
    metrics.iter().filter(move |(name, _)| name.starts_with(start)).map(|(_, values)| Some(values))
}

/// A course in another unit.
pub fn scaled(values: Values, factor: f64) -> Values {
    values.into_iter().map(|value| value.map(|value| value * factor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_value_is_that_of_the_last_minutes() {
        let of = |value| Metrics::from([("m".to_owned(), vec![None, value])]);
        let measured = |range, live| Measured { range: of(range), live: of(live) }.now("m");
        assert_eq!(measured(Some(3.0), Some(8.0)), Some(8.0));
        assert_eq!(measured(None, Some(8.0)), Some(8.0), "the first minute of a server");
        assert_eq!(measured(Some(3.0), None), Some(3.0));
        assert_eq!(measured(None, None), None);
    }
}
