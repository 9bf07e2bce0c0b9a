//! Metrics as OTLP metrics.

use super::{attribute, nanos, resource, text};
use crate::metrics::Families;
use crate::metrics::exposition::{Buckets, Family, Kind, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Temporality of counters: since the start of the process.
const CUMULATIVE: u8 = 2;

/// The service of metrics of this host.
const HOST: &str = "host";

/// The request for all metrics, read at `at` microseconds.
pub fn encode(families: &Families, at: i64) -> Json {
    let mut services: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for (name, family) in families {
        let mut points: BTreeMap<String, Vec<Json>> = BTreeMap::new();
        for (labels, value) in &family.samples {
            let (service, attributes) = attributes_of(labels);
            points.entry(service).or_default().push(point(value, attributes, at));
        }
        for (service, points) in points {
            services.entry(service).or_default().push(metric(name, family, points));
        }
    }
    let of_service = |(service, metrics): (String, Vec<Json>)| {
        json!({
            "resource": resource(&service),
            "scopeMetrics": [{ "scope": { "name": "tornado" }, "metrics": metrics }],
        })
    };
    json!({ "resourceMetrics": services.into_iter().map(of_service).collect::<Vec<_>>() })
}

/// The service, and the other labels.
fn attributes_of(labels: &str) -> (String, Vec<Json>) {
    let (mut service, mut attributes) = (HOST.to_owned(), Vec::new());
    // Neither names nor values contain these characters (`exposition::is_label`).
    for (name, value) in labels.split(',').filter_map(|label| label.split_once('=')) {
        let value = value.trim_matches('"');
        if name == "service" {
            value.clone_into(&mut service);
        } else {
            attributes.push(attribute(name, text(value)));
        }
    }
    (service, attributes)
}

fn metric(name: &str, family: &Family, points: Vec<Json>) -> Json {
    let (kind, data) = match family.kind {
        Kind::Gauge => ("gauge", json!({ "dataPoints": points })),
        Kind::Counter => {
            ("sum", json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true }))
        }
        Kind::Histogram => ("histogram", json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE })),
    };
    let unit = match family.unit.as_str() {
        "seconds" => "s",
        "bytes" => "By",
        unit => unit,
    };
    json!({ "name": name, "description": family.help, "unit": unit, kind: data })
}

fn point(value: &Value, attributes: Vec<Json>, at: i64) -> Json {
    match value {
        Value::Number(value) => json!({ "timeUnixNano": nanos(at), "attributes": attributes, "asDouble": value }),
        Value::Histogram(Buckets { counts, sum, count }) => {
            // OTLP counts each bucket by itself.
            let mut below = 0.0;
            let alone = |(_, up_to): &(f64, f64)| {
                let count = (up_to - below).max(0.0);
                below = *up_to;
                format!("{count:.0}")
            };
            let bounds: Vec<f64> = counts.iter().map(|(limit, _)| *limit).filter(|limit| limit.is_finite()).collect();
            json!({
                "timeUnixNano": nanos(at),
                "attributes": attributes,
                "count": format!("{count:.0}"),
                "sum": sum,
                "bucketCounts": counts.iter().map(alone).collect::<Vec<_>>(),
                "explicitBounds": bounds,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::exposition::parse;

    #[test]
    fn each_kind_of_metric_is_encoded() {
        let text = "# TYPE took_seconds histogram\n# UNIT took_seconds seconds\n\
                    took_seconds_bucket{le=\"0.1\",method=\"a\"} 2\ntook_seconds_bucket{le=\"+Inf\",method=\"a\"} 5\n\
                    took_seconds_sum{method=\"a\"} 1.5\ntook_seconds_count{method=\"a\"} 5\n\
                    # HELP sent Sent.\n# TYPE sent counter\nsent_total 7\n";
        let request = encode(&parse(text, "wg"), 1_000_000);
        let scope = &request["resourceMetrics"][0];
        assert_eq!(scope["resource"]["attributes"][1]["value"]["stringValue"], "wg");
        let expected = json!([
            {
                "name": "sent", "description": "Sent.", "unit": "",
                "sum": {
                    "dataPoints": [{ "timeUnixNano": "1000000000", "attributes": [], "asDouble": 7.0 }],
                    "aggregationTemporality": 2, "isMonotonic": true,
                },
            },
            {
                "name": "took_seconds", "description": "", "unit": "s",
                "histogram": {
                    "dataPoints": [{
                        "timeUnixNano": "1000000000",
                        "attributes": [{ "key": "method", "value": { "stringValue": "a" } }],
                        "count": "5", "sum": 1.5, "bucketCounts": ["2", "3"], "explicitBounds": [0.1],
                    }],
                    "aggregationTemporality": 2,
                },
            },
        ]);
        assert_eq!(scope["scopeMetrics"][0]["metrics"], expected);
    }
}
