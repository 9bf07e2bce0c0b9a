//! The OpenMetrics text format as our services write it: text to families, and families to text. Pure.
//!
//! Only what services publish is accepted: counters, gauges and classic histograms, without time stamps. The text is
//! hostile input like every other: numbers and lengths are limited, and what is not valid is left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Series of one service.
const MAX_SAMPLES: usize = 4_000;
/// Longest name of a metric.
const MAX_NAME: usize = 96;
/// Longest labels of a sample, as text.
const MAX_LABELS: usize = 256;
/// Longest description.
const MAX_HELP: usize = 256;
/// Buckets of a histogram.
const MAX_BUCKETS: usize = 64;

/// Type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by upper limits.
    Histogram,
}

/// One metric with all its samples. The name has no suffix `_total`.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Type.
    pub kind: Kind,
    /// Description; empty if there is none.
    pub help: String,
    /// Unit; empty if there is none.
    pub unit: String,
    /// Samples by their labels in the form `a="b",c="d"`.
    pub samples: BTreeMap<String, Value>,
}

/// The value of a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Value of a counter or gauge.
    Number(f64),
    /// Value of a histogram.
    Histogram(Buckets),
}

/// A histogram. Counts are cumulative, as in the text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    /// Upper limit and number of observations up to it; the last limit is infinite.
    pub counts: Vec<(f64, f64)>,
    /// Sum of all observations.
    pub sum: f64,
    /// Number of observations.
    pub count: f64,
}

/// Metrics by name.
pub type Families = BTreeMap<String, Family>;

impl Family {
    /// A metric without samples.
    #[must_use]
    pub fn new(kind: Kind, help: &str, unit: &str) -> Self {
        Self { kind, help: help.to_owned(), unit: unit.to_owned(), samples: BTreeMap::new() }
    }
}

/// Reads the text of service `service`, which becomes the first label of each sample. The supervisor reports about
/// other services: its samples keep a label `service`.
#[must_use]
pub fn parse(text: &str, service: &str) -> Families {
    let mut families = Families::new();
    let mut current: Option<(String, Family)> = None;
    let mut samples = 0;
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            describe(comment, &mut current, &mut families);
        } else if let Some((name, family)) = current.as_mut()
            && (samples < MAX_SAMPLES || family.kind == Kind::Histogram)
        {
            let before = family.samples.len();
            let _ = sample(line, name, family, service, samples < MAX_SAMPLES);
            samples += family.samples.len() - before;
        }
    }
    families.extend(current);
    families.retain(|_, family| !family.samples.is_empty());
    families
}

/// A line with a description. The first one of a metric ends the metric before.
fn describe(comment: &str, current: &mut Option<(String, Family)>, families: &mut Families) {
    let mut words = comment.splitn(3, ' ');
    let (Some(key), Some(name), Some(text)) = (words.next(), words.next(), words.next()) else { return };
    if !is_name(name) {
        return;
    }
    if current.as_ref().is_none_or(|(current, _)| current != name) {
        families.extend(current.take());
        *current = Some((name.to_owned(), Family::new(Kind::Gauge, "", "")));
    }
    let Some((_, family)) = current else { return };
    match (key, text) {
        // The type of a metric that has samples is known.
        ("TYPE", _) if !family.samples.is_empty() => {}
        ("TYPE", "counter") => family.kind = Kind::Counter,
        ("TYPE", "histogram") => family.kind = Kind::Histogram,
        // Prometheus rejects the whole text if the unit is not part of the name.
        ("UNIT", unit) if is_name(unit) && name.strip_suffix(unit).is_some_and(|before| before.ends_with('_')) => {
            unit.clone_into(&mut family.unit);
        }
        ("HELP", help) => {
            family.help = help.chars().filter(|c| !c.is_control() && !matches!(c, '\\' | '"')).take(MAX_HELP).collect()
        }
        _ => {}
    }
}

/// A line with a value: `name{labels} value`. An exemplar after ` # ` is ignored.
fn sample(line: &str, name: &str, family: &mut Family, service: &str, may_add: bool) -> Option<()> {
    let line = line.split(" # ").next()?;
    let (series, value) = line.rsplit_once(' ')?;
    let value: f64 = value.parse().ok().filter(|value: &f64| value.is_finite())?;
    let (full, labels) = match series.split_once('{') {
        Some((full, labels)) => (full, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    let suffix = full.strip_prefix(name)?;
    let (limit, labels) = labels_of(labels, service)?;
    match (family.kind, suffix, limit) {
        (Kind::Counter, "_total", None) | (Kind::Gauge, "", None) => {
            family.samples.insert(labels, Value::Number(value));
        }
        (Kind::Histogram, "_sum" | "_count", None) | (Kind::Histogram, "_bucket", Some(_)) => {
            if !may_add && !family.samples.contains_key(&labels) {
                return None;
            }
            let new = || Value::Histogram(Buckets::default());
            let Value::Histogram(buckets) = family.samples.entry(labels).or_insert_with(new) else { return None };
            match (suffix, limit) {
                ("_sum", None) => buckets.sum = value,
                ("_count", None) => buckets.count = value,
                ("_bucket", Some(limit)) if buckets.counts.len() < MAX_BUCKETS => buckets.counts.push((limit, value)),
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}

/// The limit of a bucket, and the other labels with the service.
fn labels_of(labels: &str, service: &str) -> Option<(Option<f64>, String)> {
    // The supervisor's labels may have the name of a service, too.
    if labels.len() > if service == MASTER { 2 * MAX_LABELS } else { MAX_LABELS } {
        return None;
    }
    let (mut limit, mut kept, mut keys) = (None, String::new(), Vec::new());
    let mut rest = labels;
    while !rest.is_empty() {
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if !is_name(key) || key.starts_with("__") || keys.contains(&key) || !is_label(value) {
            return None;
        }
        keys.push(key);
        match key {
            "le" if value == "+Inf" => limit = Some(f64::INFINITY),
            "le" => limit = Some(value.parse().ok().filter(|limit: &f64| limit.is_finite())?),
            "service" if service != MASTER => return None,
            key => {
                let comma = if kept.is_empty() { "" } else { "," };
                let _ = write!(kept, "{comma}{key}=\"{value}\"");
            }
        }
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    if !keys.contains(&"service") {
        let comma = if kept.is_empty() { "" } else { "," };
        kept = format!("service=\"{service}\"{comma}{kept}");
    }
    Some((limit, kept))
}

/// Name of the supervisor among the services.
pub const MASTER: &str = "master";

/// The names of OpenMetrics, without the colon.
fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.len() <= MAX_NAME && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// True if `value` can be the value of a label.
#[must_use]
pub fn is_label(value: &str) -> bool {
    value.len() <= MAX_LABELS / 2 && value.chars().all(is_label_char)
}

/// Printable, and neither a quotation mark nor part of the syntax of a name in the history.
const fn is_label_char(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | ',' | '=')
}

/// Adds the metrics of another service. A metric that has another type there is left out.
pub fn merge(all: &mut Families, other: Families) {
    for (name, family) in other {
        match all.get_mut(&name) {
            None => {
                all.insert(name, family);
            }
            Some(known) if known.kind == family.kind => known.samples.extend(family.samples),
            Some(_) => {}
        }
    }
}

/// The OpenMetrics text of all metrics.
#[must_use]
pub fn render(families: &Families) -> String {
    let mut text = String::new();
    for (name, family) in families {
        // Writing to a string cannot fail.
        let _ = write_family(&mut text, name, family);
    }
    text.push_str("# EOF\n");
    text
}

fn write_family(text: &mut String, name: &str, family: &Family) -> std::fmt::Result {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    writeln!(text, "# TYPE {name} {kind}")?;
    if !family.unit.is_empty() {
        writeln!(text, "# UNIT {name} {}", family.unit)?;
    }
    if !family.help.is_empty() {
        writeln!(text, "# HELP {name} {}", family.help)?;
    }
    let total = if family.kind == Kind::Counter { "_total" } else { "" };
    for (labels, value) in &family.samples {
        let in_braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        match value {
            Value::Number(value) => writeln!(text, "{name}{total}{in_braces} {value}")?,
            Value::Histogram(Buckets { counts, sum, count }) => {
                let comma = if labels.is_empty() { "" } else { "," };
                for (limit, count) in counts {
                    let limit = if limit.is_finite() { format!("{limit:?}") } else { "+Inf".to_owned() };
                    writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{limit}\"}} {count}")?;
                }
                writeln!(text, "{name}_count{in_braces} {count}")?;
                writeln!(text, "{name}_sum{in_braces} {sum}")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\
# HELP tornado_rpc_duration_seconds Time until an answer.
# TYPE tornado_rpc_duration_seconds histogram
# UNIT tornado_rpc_duration_seconds seconds
tornado_rpc_duration_seconds_sum{method=\"Wg.peers\"} 0.5
tornado_rpc_duration_seconds_count{method=\"Wg.peers\"} 3
tornado_rpc_duration_seconds_bucket{le=\"0.001\",method=\"Wg.peers\"} 1
tornado_rpc_duration_seconds_bucket{le=\"+Inf\",method=\"Wg.peers\"} 3
# HELP tornado_peers Peers.
# TYPE tornado_peers gauge
tornado_peers{lane=\"tor\"} 2.0
# HELP tornado_sent Sent.
# TYPE tornado_sent counter
tornado_sent_total 7
# EOF
";

    #[test]
    fn metrics_of_services_become_one_text() {
        let mut all = parse(TEXT, "wg");
        merge(&mut all, parse("# TYPE tornado_sent counter\ntornado_sent_total 9\n# EOF\n", "dns"));
        merge(&mut all, parse("# TYPE tornado_sent gauge\ntornado_sent 1\n# EOF\n", "tor"));
        let expected = "\
# TYPE tornado_peers gauge
# HELP tornado_peers Peers.
tornado_peers{service=\"wg\",lane=\"tor\"} 2
# TYPE tornado_rpc_duration_seconds histogram
# UNIT tornado_rpc_duration_seconds seconds
# HELP tornado_rpc_duration_seconds Time until an answer.
tornado_rpc_duration_seconds_bucket{service=\"wg\",method=\"Wg.peers\",le=\"0.001\"} 1
tornado_rpc_duration_seconds_bucket{service=\"wg\",method=\"Wg.peers\",le=\"+Inf\"} 3
tornado_rpc_duration_seconds_count{service=\"wg\",method=\"Wg.peers\"} 3
tornado_rpc_duration_seconds_sum{service=\"wg\",method=\"Wg.peers\"} 0.5
# TYPE tornado_sent counter
# HELP tornado_sent Sent.
tornado_sent_total{service=\"dns\"} 9
tornado_sent_total{service=\"wg\"} 7
# EOF
";
        assert_eq!(render(&all), expected);
    }

    #[test]
    fn only_the_supervisor_speaks_for_other_services() {
        let text = "# TYPE up gauge\nup{service=\"auth\"} 1\nup 2\n";
        let labels = |from| parse(text, from).remove("up").unwrap().samples.into_keys().collect::<Vec<_>>();
        assert_eq!(labels(MASTER), ["service=\"auth\"", "service=\"master\""]);
        assert_eq!(labels("admin"), ["service=\"admin\""]);
    }

    #[test]
    fn what_is_not_valid_is_left_out() {
        for line in [
            "up{a=\"b} 1",
            "up{a=\"b\"",
            "up{a b=\"c\"} 1",
            "up{a=\"x\\\"y\"} 1",
            "up NaN",
            "up inf",
            "up",
            "down 1",
            "up_total 1",
            "up{le=\"1\"} 1",
            "up{a=\"1\",a=\"2\"} 1",
            "up{__name__=\"x\"} 1",
        ] {
            assert_eq!(parse(&format!("# TYPE up gauge\n{line}\n"), "wg"), Families::new(), "{line}");
        }
        assert_eq!(parse("up 1\n# TYPE 1up gauge\n1up 2\n", "wg"), Families::new());
        let many: String = (0..2 * MAX_SAMPLES).map(|n| format!("up{{n=\"{n}\"}} 1\n")).collect();
        assert_eq!(parse(&format!("# TYPE up gauge\n{many}"), "wg")["up"].samples.len(), MAX_SAMPLES);
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_its_rendering_is_stable(lines in prop::collection::vec("(# )?(TYPE|HELP|[a-z_]{1,4})[ {=\"a-z0-9.,}]{0,24}", 0..12)) {
            let families = parse(&lines.join("\n"), "wg");
            let text = render(&families);
            prop_assert_eq!(render(&parse(&text, MASTER)), text);
        }
    }
}
