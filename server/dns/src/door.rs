//! Admission of queries, before any lookup.

use crate::buckets::Buckets;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Header, HeaderCounts, MessageType, Metadata, OpCode, ResponseCode};
use hickory_server::proto::rr::{DNSClass, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{Catalog, MessageResponseBuilder};
use parking_lot::Mutex;
use std::time::Instant;
use tokio::sync::Semaphore;
use tornado_runtime::metrics::Outcomes;

/// Maximum number of concurrent lookups.
const AT_ONCE: usize = 1024;

/// Refuses requests that are not plain queries, and queries over the rate limit.
pub(crate) struct Door {
    catalog: Catalog,
    buckets: Mutex<Buckets>,
    places: Semaphore,
    queries: Outcomes,
}

impl Door {
    pub(crate) fn new(catalog: Catalog, buckets: Buckets, queries: Outcomes) -> Self {
        Self { catalog, buckets: Mutex::new(buckets), places: Semaphore::new(AT_ONCE), queries }
    }

    fn verdict(&self, request: &Request, now: Instant) -> Option<ResponseCode> {
        let mut buckets = self.buckets.lock();
        if !buckets.take(request.src().ip(), now) {
            return Some(ResponseCode::Refused);
        }
        drop(buckets);
        if request.metadata.op_code != OpCode::Query || request.metadata.message_type != MessageType::Query {
            return Some(ResponseCode::NotImp);
        }
        let Ok(info) = request.request_info() else { return Some(ResponseCode::FormErr) };
        refused(info.query.query_type(), info.query.query_class()).then_some(ResponseCode::Refused)
    }
}

/// Label of a response code.
fn outcome(code: ResponseCode) -> &'static str {
    if code == ResponseCode::NoError {
        return "ok";
    }
    if code == ResponseCode::NXDomain {
        return "no_such_name";
    }
    if code == ResponseCode::ServFail {
        return "failed";
    }
    if code == ResponseCode::Refused { "refused" } else { "other" }
}

/// Refuses ANY (RFC 8482), zone transfers and classes other than IN.
fn refused(kind: RecordType, class: DNSClass) -> bool {
    class != DNSClass::IN || [RecordType::ANY, RecordType::AXFR, RecordType::IXFR].contains(&kind)
}

#[async_trait::async_trait]
impl RequestHandler for Door {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut answer: R) -> ResponseInfo {
        let refusal = self.verdict(request, Instant::now());
        let code = match (refusal, self.places.try_acquire()) {
            (None, Ok(_place)) => {
                let info = self.catalog.handle_request::<R, T>(request, answer).await;
                self.queries.count(outcome(info.response_code));
                return info;
            }
            (Some(code), _) => code,
            (None, Err(_)) => ResponseCode::ServFail,
        };
        self.queries.count(if code == ResponseCode::ServFail { "busy" } else { outcome(code) });
        let response = MessageResponseBuilder::from_message_request(request).error_msg(&request.metadata, code);
        // The client may be gone; then no response is needed.
        answer.send_response(response).await.unwrap_or_else(|_| {
            let metadata = Metadata::response_from_request(&request.metadata);
            ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_questions() {
        assert!(!refused(RecordType::A, DNSClass::IN) && !refused(RecordType::HTTPS, DNSClass::IN));
        for kind in [RecordType::ANY, RecordType::AXFR, RecordType::IXFR] {
            assert!(refused(kind, DNSClass::IN), "{kind}");
        }
        assert!(refused(RecordType::TXT, DNSClass::CH), "version queries must be refused");
    }
}
