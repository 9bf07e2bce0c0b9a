//! Metrics of each second.

use super::source::{self, Source};
use crate::api::Signed;
use crate::http::Http;
use crate::http::answer::{admit_reader, refuse};
use crate::http::limits::Place;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::{Response, sse};
use tornado_admin_api::types::LiveMetricsQuery;
use tornado_admin_api::{AdminResult, LIVE_METRICS};

/// `GET /api/v1/metrics/live`
pub async fn live_metrics(State(http): State<Http>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match begin(&http, &parts).await {
        Ok((live, place)) => source::response(live, place),
        Err(error) => refuse(&error),
    }
}

/// Follows the metrics of one reader.
struct Live {
    signed: Signed,
    /// `None`: all.
    names: Option<Vec<String>>,
    after: Option<i64>,
}

async fn begin(http: &Http, parts: &Parts) -> AdminResult<(Live, Place)> {
    let (signed, input) = admit_reader::<LiveMetricsQuery>(http, &LIVE_METRICS, parts).await?;
    let names = input.names.map(|names| crate::api::metric_names(&names));
    let place = http.streams.take(signed.operator())?;
    Ok((Live { signed, names, after: None }, place))
}

impl Source for Live {
    async fn next(&mut self) -> AdminResult<Vec<sse::Event>> {
        let mut samples = self.signed.next_samples(self.after).await?;
        if self.after.is_some_and(|after| samples.at <= after) {
            return Ok(Vec::new());
        }
        self.after = Some(samples.at);
        if let Some(names) = &self.names {
            samples.values.retain(|name, _| names.contains(name));
        }
        let text = serde_json::to_string(&samples).unwrap_or_default();
        Ok(vec![sse::Event::default().id(samples.at.to_string()).event("samples").data(text)])
    }
}
