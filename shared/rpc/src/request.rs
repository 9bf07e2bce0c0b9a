//! The id of a request, which travels from the edge through every call into the log lines of every service and into
//! error bodies.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// The header that carries the id, at the edge and between services.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Maximum length of an id, in characters.
const MAX: usize = 64;

/// An id: 1 to 64 letters, digits and `-_.`, as log lines accept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

tokio::task_local! {
    /// The request that the task works for.
    static CURRENT: RequestId;
}

impl RequestId {
    /// A new, random id.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }

    /// Parses an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        ((1..=MAX).contains(&text.len()) && text.bytes().all(is_valid)).then(|| Self(text.into()))
    }

    /// The id in the headers of a request; `None` if there is none, or it is not valid.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get(REQUEST_ID)?.to_str().ok()?)
    }

    /// The id of the request that the current task works for.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of the header.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("none"))
    }

    /// Runs `work` for this request: calls of other services carry the id, and log lines have it, if the log reads
    /// [`current`](Self::current). Tasks that `work` spawns do not have it without [`inherit`](Self::inherit).
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Runs `work`, for example in another task, for the request of the current task, if there is one.
    pub fn inherit<F: Future>(work: F) -> impl Future<Output = F::Output> {
        within(Self::current(), work)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs `work` for a request, if there is one.
pub(crate) async fn within<F: Future>(id: Option<RequestId>, work: F) -> F::Output {
    match id {
        Some(id) => id.scope(work).await,
        None => work.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_from_outside_are_short_and_plain() {
        assert_eq!(RequestId::parse("r-1_a.B").unwrap().as_str(), "r-1_a.B");
        assert!(RequestId::parse(&"x".repeat(64)).is_some());
        for bad in ["", "a b", "a\"", "é", &"x".repeat(65)] {
            assert_eq!(RequestId::parse(bad), None, "{bad}");
        }
        assert_eq!(RequestId::parse(RequestId::random().as_str()).unwrap().header().len(), 36);
    }

    #[tokio::test]
    async fn only_the_work_of_a_request_has_its_id() {
        let id = RequestId::random();
        let inside = id.clone().scope(async { RequestId::current() }).await;
        assert_eq!((inside, RequestId::current()), (Some(id), None));
        assert_eq!(within(None, async { RequestId::current() }).await, None);
    }
}
