//! The body of a request, limited in size, time and number.

use super::Http;
use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use std::net::IpAddr;
use std::time::Duration;
use tornado_admin_api::{AdminError, AdminResult};
use tornado_shared::problem::Problem;

/// Maximum size, bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// Maximum time in which it arrives.
const WITHIN: Duration = Duration::from_secs(20);

/// Receives the whole body of a request of `client`.
///
/// # Errors
/// It is too large or too slow, or the client's network is sending too many at the same time.
pub async fn receive(http: &Http, client: IpAddr, body: Body) -> AdminResult<Bytes> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let Some(_place) = http.admissions.body(client) else {
        let mut problem = Problem::new(503, "busy", "too many requests are being sent at the same time");
        problem.retry_after = Some(1);
        return Err(problem.into());
    };
    match tokio::time::timeout(WITHIN, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(AdminError::new(413, "too_large", format!("the request is larger than {MAX_BODY} bytes"))),
        Err(_) => Err(AdminError::new(408, "too_slow", format!("the request did not arrive within {WITHIN:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Services;
    use crate::config::Config;
    use crate::events::Hub;
    use futures::StreamExt as _;
    use std::path::PathBuf;
    use std::sync::Arc;
    use tornado_rpc::Channel;

    fn http() -> Http {
        let channel = || Channel::new(PathBuf::from("/nonexistent"));
        Http::new(Arc::new(Services::over(|_| channel(), channel())), Arc::new(Hub::new(1)), Config::default())
    }

    /// A body of `parts` parts of one byte, each a second after the one before.
    fn slow(parts: usize) -> Body {
        let parts = futures::stream::iter(0..parts).then(|_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, std::io::Error>("x")
        });
        Body::from_stream(parts)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_limits_of_size_and_time() {
        let (http, client) = (http(), IpAddr::from([192, 0, 2, 1]));
        let code = async |body: Body| receive(&http, client, body).await.map_err(|error| error.code().to_owned());
        assert_eq!(code(Body::empty()).await, Ok(Bytes::new()));
        assert_eq!(code(slow(5)).await, Ok(Bytes::from("xxxxx")));
        assert_eq!(code(Body::from(vec![0; MAX_BODY])).await.map(|bytes| bytes.len()), Ok(MAX_BODY));
        assert_eq!(code(Body::from(vec![0; MAX_BODY + 1])).await, Err("too_large".to_owned()));
        assert_eq!(code(slow(30)).await, Err("too_slow".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_bodies_of_a_network_do_not_hold_up_others() {
        let http = http();
        let send = |client: [u8; 4]| receive(&http, IpAddr::from(client), slow(2));
        let flood = futures::future::join_all((0..1000).map(|_| send([192, 0, 2, 1])));
        let (flood, other) = tokio::join!(flood, send([198, 51, 100, 1]));
        assert!(other.is_ok());
        let received = flood.iter().filter(|body| body.is_ok()).count();
        assert_eq!(received, 64);
        let refused = flood.into_iter().find_map(Result::err).unwrap();
        assert_eq!((refused.status(), refused.code(), refused.0.retry_after), (503, "busy", Some(1)));
        assert!(send([192, 0, 2, 1]).await.is_ok(), "the places are free again");
    }
}
