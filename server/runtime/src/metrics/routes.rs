//! Requests of an HTTP API by route.

use super::{BUCKETS, Counter, Family, Histogram, Metrics, Unit};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Duration;
use tokio::time::Instant;

/// Methods that become labels; a caller can send any other word.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

type Route = [(&'static str, String); 2];

/// Latency and status of requests by route. Routes are patterns, as in `/v2/me/devices/{id}`.
#[derive(Debug, Clone)]
pub struct RouteMetrics {
    duration: Family<Route, Histogram, fn() -> Histogram>,
    responses: Family<[(&'static str, String); 3], Counter>,
}

impl Default for RouteMetrics {
    fn default() -> Self {
        Self { duration: Family::new_with_constructor(|| Histogram::new(BUCKETS)), responses: Family::default() }
    }
}

impl RouteMetrics {
    /// Publishes them.
    pub fn publish(&self, metrics: &Metrics) {
        let help = "Time until the head of a response was ready, by route";
        metrics.register("tornado_http_duration", help, Some(Unit::Seconds), self.duration.clone());
        metrics.register("tornado_http_responses", "Responses by route and status", None, self.responses.clone());
    }

    fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let method = METHODS.iter().find(|known| **known == method).map_or("other", |known| *known);
        let labels = || [("method", method.to_owned()), ("route", route.to_owned())];
        self.duration.get_or_create(&labels()).observe(took.as_secs_f64());
        let [method, route] = labels();
        self.responses.get_or_create(&[method, route, ("status", status.to_string())]).inc();
    }
}

/// A layer of a router that measures each request. Requests without a route have route `none`.
pub async fn measure(State(metrics): State<RouteMetrics>, request: Request, next: Next) -> Response {
    let (began, method) = (Instant::now(), request.method().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let (route, status) = (route.as_ref().map_or("none", MatchedPath::as_str), response.status().as_u16());
    let took = began.elapsed();
    metrics.answered(method.as_str(), route, status, took);
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(target: tornado_rpc::CALLS, method = format!("{method} {route}"), status, us, "call");
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;
    use axum::{Router, middleware};
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn requests_are_counted_by_route_not_by_path() {
        let (metrics, routes) = (Metrics::default(), RouteMetrics::default());
        routes.publish(&metrics);
        let router: Router = Router::new()
            .route("/devices/{id}", get(|| async { "device" }))
            .layer(middleware::from_fn_with_state(routes, measure));
        for (method, path) in [("GET", "/devices/1"), ("GET", "/devices/2"), ("BREW", "/devices/3"), ("GET", "/x/y")] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            drop(router.clone().oneshot(request).await.unwrap());
        }
        let text = metrics.encode().unwrap();
        for expected in [
            "tornado_http_responses_total{method=\"GET\",route=\"/devices/{id}\",status=\"200\"} 2\n",
            "tornado_http_responses_total{method=\"other\",route=\"/devices/{id}\",status=\"405\"} 1\n",
            "tornado_http_responses_total{method=\"GET\",route=\"none\",status=\"404\"} 1\n",
            "tornado_http_duration_seconds_count{method=\"GET\",route=\"/devices/{id}\"} 2\n",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }
}
