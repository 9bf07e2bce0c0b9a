//! Values for the history, from two readings of all metrics. Pure.
//!
//! | metric | values |
//! |---|---|
//! | gauge `x` | `x` |
//! | counter `x` | `x_per_second` |
//! | histogram `x` | `x_count_per_second`, and while there are observations `x_mean` and `x_p99` |
//!
//! Labels follow as in `x{service=wg,lane=tor}`.

use super::exposition::{Buckets, Families, Kind, Value};
use std::collections::BTreeMap;

/// The values between two readings, `seconds` apart. A counter that became smaller, because its process restarted, has
/// no value.
#[must_use]
pub fn values(previous: &Families, now: &Families, seconds: f64) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::new();
    for (name, family) in now {
        let before = previous.get(name).filter(|before| before.kind == family.kind);
        for (labels, value) in &family.samples {
            let before = before.and_then(|before| before.samples.get(labels));
            let mut put = |suffix: &str, value: Option<f64>| {
                if let Some(value) = value.filter(|value| value.is_finite()) {
                    values.insert(series(name, suffix, labels), value);
                }
            };
            match (family.kind, value, before) {
                (Kind::Gauge, Value::Number(value), _) => put("", Some(*value)),
                (_, Value::Number(value), Some(Value::Number(before))) => {
                    put("_per_second", grown(*value, *before).map(|grown| grown / seconds));
                }
                (_, Value::Histogram(now), Some(Value::Histogram(before))) => {
                    let count = grown(now.count, before.count);
                    put("_count_per_second", count.map(|count| count / seconds));
                    let observed = count.filter(|count| *count > 0.0);
                    put("_mean", observed.map(|count| (now.sum - before.sum) / count));
                    put("_p99", observed.and_then(|count| quantile(now, before, 0.99 * count)));
                }
                _ => {}
            }
        }
    }
    values
}

fn grown(now: f64, before: f64) -> Option<f64> {
    (now >= before).then_some(now - before)
}

/// The upper limit below which `rank` of the new observations are, interpolated within its bucket as Prometheus does.
/// The limit of the last bucket is infinite: the limit before it stands for it.
fn quantile(now: &Buckets, before: &Buckets, rank: f64) -> Option<f64> {
    let (mut lower, mut below) = (0.0, 0.0);
    for ((limit, count), (known, old)) in now.counts.iter().zip(&before.counts) {
        #[expect(clippy::float_cmp, reason = "the same limits in both readings")]
        let same = limit == known;
        let up_to = grown(*count, *old).filter(|_| same)?;
        if up_to >= rank {
            let share = if up_to > below { (rank - below) / (up_to - below) } else { 1.0 };
            return Some(if limit.is_finite() { lower + (limit - lower) * share } else { lower });
        }
        (lower, below) = (*limit, up_to);
    }
    None
}

/// The name in the history.
fn series(name: &str, suffix: &str, labels: &str) -> String {
    let mut series = String::with_capacity(name.len() + suffix.len() + labels.len() + 2);
    series.push_str(name);
    series.push_str(suffix);
    if !labels.is_empty() {
        series.push('{');
        series.extend(labels.chars().filter(|c| *c != '"'));
        series.push('}');
    }
    series
}

#[cfg(test)]
mod tests {
    use super::super::exposition::parse;
    use super::*;

    fn reading(sent: u32, restarted: u32, calls: [u32; 4]) -> Families {
        let [fast, slow, all, sum] = calls;
        let text = format!(
            "# TYPE up gauge\nup{{lane=\"tor\"}} {sent}\n# TYPE sent counter\nsent_total {sent}\n\
             # TYPE old counter\nold_total {restarted}\n# TYPE took histogram\n\
             took_bucket{{le=\"0.1\"}} {fast}\ntook_bucket{{le=\"0.5\"}} {slow}\ntook_bucket{{le=\"+Inf\"}} {all}\n\
             took_count {all}\ntook_sum {sum}\n"
        );
        parse(&text, "wg")
    }

    #[test]
    fn counters_become_rates_and_histograms_become_latencies() {
        let values = values(&reading(10, 9, [0, 0, 0, 0]), &reading(14, 2, [90, 100, 100, 20]), 2.0);
        let expected = [
            ("sent_per_second{service=wg}", 2.0),
            ("took_count_per_second{service=wg}", 50.0),
            ("took_mean{service=wg}", 0.2),
            ("took_p99{service=wg}", 0.1 + 0.4 * 0.9),
            ("up{service=wg,lane=tor}", 14.0),
        ];
        assert_eq!(values.keys().map(String::as_str).collect::<Vec<_>>(), expected.map(|(name, _)| name));
        for ((_, value), (name, wanted)) in values.iter().zip(expected) {
            assert!((value - wanted).abs() < 1e-9, "{name} {value} {wanted}");
        }
    }

    #[test]
    fn without_new_observations_there_is_no_latency() {
        let same = reading(1, 1, [5, 5, 5, 1]);
        let names: Vec<String> = values(&same, &same, 1.0).into_keys().collect();
        assert!(!names.iter().any(|name| name.contains("_p99") || name.contains("_mean")), "{names:?}");
        let slow = values(&same, &reading(1, 1, [5, 5, 6, 60]), 1.0);
        assert!((slow["took_p99{service=wg}"] - 0.5).abs() < 1e-9, "above the last limit: {slow:?}");
    }
}
