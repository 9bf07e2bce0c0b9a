//! Logs as a live tail and as a file.

use super::source::{self, Source};
use crate::api::Signed;
use crate::http::Http;
use crate::http::answer::{admit_reader, refuse};
use crate::http::limits::Place;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::sse;
use axum::response::{IntoResponse as _, Response};
use std::io;
use tornado_admin_api::types::{ExportQuery, LogFormat, LogSelection, TailQuery};
use tornado_admin_api::{AdminApi as _, AdminResult, EXPORT_LOGS, TAIL_LOGS};

/// `GET /api/v1/logs/tail`
pub async fn tail(State(http): State<Http>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match begin_tail(&http, &parts).await {
        Ok((tail, place)) => source::response(tail, place),
        Err(error) => refuse(&error),
    }
}

/// Follows the log of one reader.
struct Tail {
    signed: Signed,
    text: String,
    after: Option<u64>,
}

async fn begin_tail(http: &Http, parts: &Parts) -> AdminResult<(Tail, Place)> {
    let (signed, input) = admit_reader::<TailQuery>(http, &TAIL_LOGS, parts).await?;
    let place = http.streams.take(signed.operator())?;
    // An invalid query is refused before the stream begins: this counts the lines of the first microsecond of 1970.
    signed.count_logs(LogSelection { text: input.text.clone(), from: Some(0), until: Some(1) }).await?;
    let after = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    Ok((Tail { signed, text: input.text.unwrap_or_default(), after }, place))
}

impl Source for Tail {
    async fn next(&mut self) -> AdminResult<Vec<sse::Event>> {
        let (lines, next) = self.signed.tail_logs(&self.text, self.after).await?;
        self.after = Some(next);
        if lines.lines.is_empty() && lines.missed == 0 {
            return Ok(Vec::new());
        }
        let text = serde_json::to_string(&lines).unwrap_or_default();
        Ok(vec![sse::Event::default().id(next.to_string()).event("lines").data(text)])
    }
}

/// `GET /api/v1/logs/export`
pub async fn export(State(http): State<Http>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match begin_export(&http, &parts).await {
        Ok(response) => response,
        Err(error) => refuse(&error),
    }
}

/// The first part is read before the response begins, so that a refusal has its status. A later failure cuts the
/// response off, which the client detects.
async fn begin_export(http: &Http, parts: &Parts) -> AdminResult<Response> {
    let (signed, input) = admit_reader::<ExportQuery>(http, &EXPORT_LOGS, parts).await?;
    let place = http.streams.take(signed.operator())?;
    let first = signed.export_logs(&input, None).await?;
    signed.record_export(&input).await?;
    let (media_type, name) = match input.format {
        LogFormat::Jsonl => ("application/jsonl; charset=utf-8", "attachment; filename=\"tornado-logs.jsonl\""),
        LogFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"tornado-logs.csv\""),
    };
    let state = (signed, input, Some(Ok(first)), place);
    let texts = futures::stream::unfold(state, |(signed, input, part, place)| async move {
        let part = match part? {
            Ok(part) => part,
            Err(error) => return Some((Err(error), (signed, input, None, place))),
        };
        let following = match part.next {
            Some(after) => Some(signed.export_logs(&input, Some(after)).await.map_err(io::Error::other)),
            None => None,
        };
        Some((Ok(Bytes::from(part.text)), (signed, input, following, place)))
    });
    let headers = [(header::CONTENT_TYPE, media_type), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(texts)).into_response())
}
