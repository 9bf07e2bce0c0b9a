//! Measurement of calls.

use std::sync::Arc;
use std::time::Duration;

/// Receives the measurements of a server. It must return at once, because it runs in every call.
pub trait Observer: Send + Sync + 'static {
    /// A call was answered. `method` has the form `Contract.method`; `status` is the HTTP status of the response. A
    /// call whose caller disconnected earlier is not reported.
    fn answered(&self, method: &'static str, status: u16, took: Duration);
}

/// Target of the lines about answered calls, at level `debug`: field `method` is `Contract.method` or the verb and
/// route of an API, `status` the HTTP status, `us` the time until the answer in microseconds.
pub const CALLS: &str = "tornado_rpc::calls";

/// A request extension: the observer of the server that received the request.
#[derive(Clone)]
pub(crate) struct Observed(pub(crate) Arc<dyn Observer>);
