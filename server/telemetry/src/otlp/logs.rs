//! Log lines as OTLP log records.

use super::traces::trace_id;
use super::{attribute, nanos, resource, text};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tornado_log::line::{Level, Line, Value};

/// The request for these lines.
pub fn encode(lines: &[Arc<Line>]) -> Json {
    let mut services: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for line in lines {
        services.entry(&line.service).or_default().push(record(line));
    }
    let of_service = |(service, records): (&str, Vec<Json>)| {
        json!({
            "resource": resource(service),
            "scopeLogs": [{ "scope": { "name": "tornado" }, "logRecords": records }],
        })
    };
    json!({ "resourceLogs": services.into_iter().map(of_service).collect::<Vec<_>>() })
}

fn record(line: &Line) -> Json {
    let (number, name) = severity(line.level);
    let mut attributes = vec![
        attribute("target", text(&line.target)),
        attribute("process", text(&line.process.to_string())),
        attribute("seq", json!({ "intValue": line.seq.to_string() })),
    ];
    attributes.extend(line.request_id.iter().map(|id| attribute("request_id", text(id))));
    attributes.extend(line.fields.iter().map(|(name, value)| attribute(name, any(value))));
    let mut record = json!({
        "timeUnixNano": nanos(line.time.0),
        "observedTimeUnixNano": nanos(line.time.0),
        "severityNumber": number,
        "severityText": name,
        "body": text(&line.message),
        "attributes": attributes,
    });
    if let (Some(id), Some(record)) = (&line.request_id, record.as_object_mut()) {
        record.insert("traceId".into(), trace_id(id).into());
    }
    record
}

/// The first number of the level's range in OTLP.
const fn severity(level: Level) -> (u8, &'static str) {
    match level {
        Level::Trace => (1, "TRACE"),
        Level::Debug => (5, "DEBUG"),
        Level::Info => (9, "INFO"),
        Level::Warn => (13, "WARN"),
        Level::Error => (17, "ERROR"),
    }
}

fn any(value: &Value) -> Json {
    match value {
        Value::Text(value) => text(value),
        Value::Int(value) => json!({ "intValue": value.to_string() }),
        Value::Real(value) => json!({ "doubleValue": value }),
        Value::Bool(value) => json!({ "boolValue": value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::line;

    #[test]
    fn a_line_keeps_all_its_parts() {
        let mut one = line(7, 1);
        one.level = Level::Warn;
        one.request_id = Some("0190f3a1-7b2c-7def-8123-456789abcdef".into());
        one.fields = [("lane".to_owned(), Value::Text("tor".into())), ("peers".to_owned(), Value::Int(3))].into();
        let mut other = line(8, 1);
        other.service = "auth".into();
        let request = encode(&[Arc::new(one), Arc::new(other)]);
        assert_eq!(request["resourceLogs"][0]["resource"]["attributes"][1]["value"]["stringValue"], "auth");
        let record = &request["resourceLogs"][1]["scopeLogs"][0]["logRecords"][0];
        let expected = json!({
            "timeUnixNano": "1795780800001000000",
            "observedTimeUnixNano": "1795780800001000000",
            "severityNumber": 13,
            "severityText": "WARN",
            "body": { "stringValue": "peer 1 was added" },
            "attributes": [
                { "key": "target", "value": { "stringValue": "tornado_wg::peers" } },
                { "key": "process", "value": { "stringValue": "0000000000000007" } },
                { "key": "seq", "value": { "intValue": "1" } },
                { "key": "request_id", "value": { "stringValue": "0190f3a1-7b2c-7def-8123-456789abcdef" } },
                { "key": "lane", "value": { "stringValue": "tor" } },
                { "key": "peers", "value": { "intValue": "3" } },
            ],
            "traceId": "0190f3a17b2c7def8123456789abcdef",
        });
        assert_eq!(*record, expected);
    }
}
