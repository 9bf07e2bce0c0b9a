//! `GET /metrics` for Prometheus.
//!
//! Who has the token may read. Without a token, only programs on this machine may, and only while no reverse proxy is
//! configured: requests that a proxy forwards come from this machine, too.

use crate::config::Config;
use crate::guard;
use crate::listener::Peer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use std::net::IpAddr;
use std::sync::Arc;
use tornado_contracts::exposition::MEDIA_TYPE;
use tornado_contracts::telemetry::metrics::Metrics;
use tornado_rpc::NoInput;

/// Headers that reverse proxies add.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

#[derive(Clone)]
struct Scrapes {
    telemetry: Arc<dyn Metrics>,
    config: Arc<Config>,
}

/// The route `/metrics`.
pub fn router(telemetry: Arc<dyn Metrics>, config: Config) -> Router {
    let scrapes = Scrapes { telemetry, config: Arc::new(config) };
    Router::new().route("/metrics", get(scrape)).with_state(scrapes)
}

async fn scrape(State(scrapes): State<Scrapes>, peer: Option<Extension<Peer>>, headers: HeaderMap) -> Response {
    let peer = peer.map(|Extension(Peer(address))| address);
    if let Err((status, reason)) = check(&headers, peer, &scrapes.config) {
        return text(status, "text/plain; charset=utf-8", format!("{reason}\n"));
    }
    match scrapes.telemetry.scrape(NoInput {}).await {
        Ok(metrics) => text(StatusCode::OK, MEDIA_TYPE, metrics.text),
        Err(error) => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "text/plain; charset=utf-8",
            format!("cannot read metrics: {error}\n"),
        ),
    }
}

fn text(status: StatusCode, media_type: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, text).into_response()
}

/// Decides whether a request may read the metrics.
fn check(headers: &HeaderMap, peer: Option<IpAddr>, config: &Config) -> Result<(), (StatusCode, &'static str)> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let token = authorization.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        let is_right = token.zip(config.metrics_token_sha256.as_ref()).is_some_and(|(token, hash)| hash.is_of(token));
        return if is_right { Ok(()) } else { Err((StatusCode::UNAUTHORIZED, "the token is not valid")) };
    }
    let is_forwarded = !config.hosts.is_empty() || FORWARDED.iter().any(|name| headers.contains_key(*name));
    let is_local = peer.is_some_and(|peer| peer.to_canonical().is_loopback()) && guard::host_is_ours(headers, &[]);
    if is_local && !is_forwarded {
        return Ok(());
    }
    Err((StatusCode::UNAUTHORIZED, "a token is required; see 'metrics_token_sha256' in [admin] of the configuration"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";
    /// SHA-256 of the token.
    const HASH: &str = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";

    fn allowed(peer: &str, headers: &[(&'static str, &str)], config: &Config) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        check(&headers, peer.parse().ok(), config).is_ok()
    }

    #[test]
    fn without_a_token_only_this_machine_may_read() {
        let (config, host) = (Config::default(), ("host", "localhost:8000"));
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(allowed(peer, &[host], &config), "{peer}");
        }
        assert!(!allowed("192.0.2.1", &[host], &config) && !allowed("no peer", &[host], &config));
        assert!(!allowed("127.0.0.1", &[("host", "rebound.example")], &config));
        for name in FORWARDED {
            assert!(!allowed("127.0.0.1", &[host, (name, "192.0.2.1")], &config), "{name}");
        }
        let proxied = Config { hosts: vec!["console.example.org".into()], ..config };
        assert!(!allowed("127.0.0.1", &[host], &proxied), "a proxy may forward requests without a trace");
    }

    #[test]
    fn the_token_permits_from_everywhere() {
        let hash = serde_json::from_value(HASH.into()).unwrap();
        let config = Config { metrics_token_sha256: Some(hash), ..Config::default() };
        let bearer = format!("Bearer {TOKEN}");
        assert!(allowed("192.0.2.1", &[("authorization", &bearer), ("host", "10.0.0.1")], &config));
        for wrong in ["Bearer x", "Bearer ", "Basic 0123456789abcdef", TOKEN] {
            assert!(!allowed("127.0.0.1", &[("authorization", wrong), ("host", "localhost")], &config), "{wrong}");
        }
        assert!(!allowed("127.0.0.1", &[("authorization", &bearer), ("host", "localhost")], &Config::default()));
    }

    #[test]
    fn a_hash_that_is_not_one_is_rejected() {
        let parse = |text: &str| serde_json::from_value::<crate::TokenHash>(text.into());
        assert!(parse("abc").is_err() && parse(TOKEN).is_err() && parse(&"g".repeat(64)).is_err());
        assert_eq!(String::from(parse(&HASH.to_uppercase()).unwrap()), HASH);
    }
}
