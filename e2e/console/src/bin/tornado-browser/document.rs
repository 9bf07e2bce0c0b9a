//! Documents without a browser: the time until their last byte.

use anyhow::{Context as _, ensure};
use http::header::{CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Requests before those that are measured.
const WARM_UP: usize = 10;
/// Time after which no further request is made.
const LIMIT: Duration = Duration::from_secs(20);

type Http = Client<HttpConnector, Full<Bytes>>;

/// A client with one connection, because requests are sent one after the other.
fn client() -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build(connector)
}

/// Signs in. Returns `{ "cookie": … }`.
pub async fn sign_in(base: &str, name: &str, password: &str) -> anyhow::Result<Value> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{base}/api/v1/sign-in"))
        .header(CONTENT_TYPE, "application/json")
        .header(ORIGIN, base)
        .body(Full::from(json!({ "name": name, "password": password }).to_string()))?;
    let response = client().request(request).await.context("cannot sign in")?;
    let cookie = response.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, body) = whole(response).await?;
    ensure!(status == StatusCode::OK, "cannot sign in as {name}: {status}: {}", String::from_utf8_lossy(&body));
    let cookie = cookie.context("the sign-in has no cookie")?;
    Ok(json!({ "cookie": cookie.split(';').next() }))
}

async fn whole(response: Response<Incoming>) -> anyhow::Result<(StatusCode, Bytes)> {
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

/// Requests a document `count` times, or fewer if that takes too long. Returns the times in milliseconds until the last
/// byte, and its size.
pub async fn measure(address: &str, cookie: Option<&str>, count: usize, save: Option<&Path>) -> anyhow::Result<Value> {
    let client = client();
    let mut times = Vec::with_capacity(count);
    let (started, mut size) = (Instant::now(), 0);
    for turn in 0..count + WARM_UP {
        if started.elapsed() > LIMIT && !times.is_empty() {
            break;
        }
        let mut request = Request::get(address);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let request = request.body(Full::default())?;
        let began = Instant::now();
        let (status, body) = whole(client.request(request).await.with_context(|| address.to_owned())?).await?;
        let took = began.elapsed();
        ensure!(status == StatusCode::OK, "{address}: {status}: {}", String::from_utf8_lossy(&body));
        size = body.len();
        if turn >= WARM_UP {
            times.push(took);
        } else if let Some(path) = save.filter(|_| turn == 0) {
            std::fs::write(path, &body).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    times.sort_unstable();
    Ok(
        json!({ "p50_ms": percentile(&times, 50), "p99_ms": percentile(&times, 99), "bytes": size, "count": times.len() }),
    )
}

/// A percentile of sorted durations in milliseconds, by the nearest-rank method.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!([percentile(&times, 50), percentile(&times, 99)], [Some(100.0), Some(198.0)]);
        assert_eq!((percentile(&times[..1], 99), percentile(&[], 50)), (Some(1.0), None));
    }
}
