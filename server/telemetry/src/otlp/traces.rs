//! Spans from the lines that services write about calls ([`tornado_rpc::CALLS`]).
//!
//! A request id is the id of the trace, so that the calls of one request are found together. Lines do not tell which
//! call caused which; the spans of a trace are siblings.

use super::{attribute, nanos, resource, text};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use tornado_log::line::{Line, Value};

/// Kind of a span: the server's side of a call.
const SERVER: u8 = 2;
/// Status of a span that failed.
const FAILED: u8 = 2;

/// One answered call.
pub struct Span {
    service: String,
    name: String,
    trace_id: String,
    span_id: String,
    /// Begin and end, microseconds.
    began: i64,
    ended: i64,
    status: i64,
}

/// The calls among these lines. A call outside of a request has no trace and is left out.
pub fn spans(lines: &[Arc<Line>]) -> Vec<Span> {
    lines.iter().filter_map(|line| span(line)).collect()
}

fn span(line: &Line) -> Option<Span> {
    if line.target != tornado_rpc::CALLS {
        return None;
    }
    let number = |name: &str| match line.fields.get(name)? {
        Value::Int(number) => Some(*number),
        Value::Text(_) | Value::Real(_) | Value::Bool(_) => None,
    };
    let Value::Text(name) = line.fields.get("method")? else { return None };
    let (ended, duration) = (line.time.0, number("us")?);
    Some(Span {
        service: line.service.clone(),
        name: name.clone(),
        trace_id: trace_id(line.request_id.as_ref()?),
        span_id: hex::<8>(format!("{}-{}", line.process, line.seq).as_bytes()),
        began: ended.saturating_sub(duration.max(0)),
        ended,
        status: number("status")?,
    })
}

/// The trace of a request: its id if it is a UUID, otherwise a hash of it.
pub fn trace_id(request_id: &str) -> String {
    let digits: String = request_id.chars().filter(|c| *c != '-').collect();
    let is_id =
        digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()) && digits.bytes().any(|b| b != b'0');
    if is_id { digits.to_ascii_lowercase() } else { hex::<16>(request_id.as_bytes()) }
}

/// The first `N` bytes of a hash, as hexadecimal digits.
fn hex<const N: usize>(of: &[u8]) -> String {
    Sha256::digest(of).iter().take(N).map(|byte| format!("{byte:02x}")).collect()
}

/// The request for these spans.
pub fn encode(spans: &[Span]) -> Json {
    let mut services: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for span in spans {
        services.entry(&span.service).or_default().push(encode_one(span));
    }
    let of_service = |(service, spans): (&str, Vec<Json>)| json!({ "resource": resource(service), "scopeSpans": [{ "scope": { "name": "tornado" }, "spans": spans }] });
    json!({ "resourceSpans": services.into_iter().map(of_service).collect::<Vec<_>>() })
}

fn encode_one(span: &Span) -> Json {
    let status = if span.status >= 500 { json!({ "code": FAILED }) } else { json!({}) };
    json!({
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": SERVER,
        "startTimeUnixNano": nanos(span.began),
        "endTimeUnixNano": nanos(span.ended),
        "attributes": [
            attribute("rpc.method", text(&span.name)),
            attribute("http.response.status_code", json!({ "intValue": span.status.to_string() })),
        ],
        "status": status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{NOON, line};

    #[test]
    fn calls_of_one_request_are_one_trace() {
        let call = |seq: u64, service: &str, status: i64| {
            let mut call = line(1, seq);
            call.target = tornado_rpc::CALLS.into();
            call.service = service.into();
            call.request_id = Some("r-1".into());
            call.fields = [
                ("method".to_owned(), Value::Text("Sessions.connect".into())),
                ("us".to_owned(), Value::Int(400)),
                ("status".to_owned(), Value::Int(status)),
            ]
            .into();
            Arc::new(call)
        };
        let mut alone = (*call(4, "wg", 200)).clone();
        alone.request_id = None;
        let spans = spans(&[call(1, "session", 200), line(1, 2).into(), call(3, "wg", 503), alone.into()]);
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[0].trace_id, spans[1].trace_id);
        assert_ne!(spans[0].span_id, spans[1].span_id);
        let request = encode(&spans);
        let of = |index: usize| &request["resourceSpans"][index]["scopeSpans"][0]["spans"][0];
        assert_eq!(of(0)["startTimeUnixNano"], nanos(NOON + 600));
        assert_eq!((&of(0)["status"], &of(1)["status"]), (&json!({}), &json!({ "code": 2 })));
        assert_eq!(of(1)["traceId"].as_str().unwrap().len(), 32);
        assert_eq!(of(1)["spanId"].as_str().unwrap().len(), 16);
    }
}
