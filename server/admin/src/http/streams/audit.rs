//! The audit trail as a file.

use crate::api::Signed;
use crate::http::Http;
use crate::http::answer::{admit_reader, refuse};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use std::io;
use tornado_admin_api::types::{AuditQuery, AuditView, ExportAuditQuery, LogFormat};
use tornado_admin_api::{AdminApi as _, AdminResult, EXPORT_AUDIT};
use tornado_log::line::{Micros, format_time};
use tornado_shared::format::csv_cell;

/// Rows that are read at once: the largest part of the API.
const ROWS: u32 = 500;
/// Microseconds of a second: the unit of times in files.
const MICROS: i64 = 1_000_000;
/// Columns of CSV.
const HEADING: &str = "seq,time,actor,action,subject,outcome,details,hash\r\n";

/// `GET /api/v1/audit/export`
pub async fn export_audit(State(http): State<Http>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match begin(&http, &parts).await {
        Ok(response) => response,
        Err(error) => refuse(&error),
    }
}

/// The first part is read before the response begins, so that a refusal has its status. A later failure cuts the
/// response off, which the client detects.
async fn begin(http: &Http, parts: &Parts) -> AdminResult<Response> {
    let (signed, input) = admit_reader::<ExportAuditQuery>(http, &EXPORT_AUDIT, parts).await?;
    let place = http.streams.take(signed.operator())?;
    let (first, next) = part(&signed, &input, None).await?;
    signed.record_audit_export(input.format).await?;
    let (media_type, name, heading) = match input.format {
        LogFormat::Jsonl => ("application/jsonl; charset=utf-8", "attachment; filename=\"tornado-audit.jsonl\"", ""),
        LogFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"tornado-audit.csv\"", HEADING),
    };
    let state = (signed, input, Some(Ok((format!("{heading}{first}"), next))), place);
    let texts = futures::stream::unfold(state, |(signed, input, read, place)| async move {
        let (text, next) = match read? {
            Ok(read) => read,
            Err(error) => return Some((Err(error), (signed, input, None, place))),
        };
        let following = match next {
            Some(cursor) => Some(part(&signed, &input, Some(cursor)).await.map_err(io::Error::other)),
            None => None,
        };
        Some((Ok(Bytes::from(text)), (signed, input, following, place)))
    });
    let headers = [(header::CONTENT_TYPE, media_type), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(texts)).into_response())
}

/// The text of a part, and the cursor of the next one.
async fn part(
    signed: &Signed,
    input: &ExportAuditQuery,
    cursor: Option<String>,
) -> AdminResult<(String, Option<String>)> {
    let query = AuditQuery { action: input.action.clone(), actor: input.actor.clone(), cursor, limit: Some(ROWS) };
    let list = signed.list_audit(query).await?;
    let text = list.items.iter().map(|row| written(row, input.format)).collect();
    Ok((text, list.next))
}

/// A row as text.
fn written(row: &AuditView, format: LogFormat) -> String {
    match format {
        LogFormat::Jsonl => format!("{}\n", serde_json::to_string(row).unwrap_or_default()),
        LogFormat::Csv => {
            let time = format_time(Micros(row.at.saturating_mul(MICROS)));
            let details = serde_json::to_string(&row.details).unwrap_or_default();
            let seq = row.seq.to_string();
            let cells = [&seq, &time, &row.actor, &row.action, &row.subject, &row.outcome, &details, &row.hash];
            format!("{}\r\n", cells.map(|cell| csv_cell(cell)).join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_written_in_both_formats() {
        let row = AuditView {
            seq: 7,
            at: 1_795_789_928,
            actor: "operator:ann".into(),
            action: "user.delete".into(),
            subject: "=cmd".into(),
            outcome: "done".into(),
            details: [("reason".to_owned(), "a \"b\"".to_owned())].into(),
            hash: "00ff".into(),
        };
        let csv = "7,2026-11-27T14:32:08.000000Z,operator:ann,user.delete,\"'=cmd\",done,\
                   \"{\"\"reason\"\":\"\"a \\\"\"b\\\"\"\"\"}\",00ff\r\n";
        assert_eq!(written(&row, LogFormat::Csv), csv);
        let jsonl: AuditView = serde_json::from_str(&written(&row, LogFormat::Jsonl)).unwrap();
        assert_eq!(jsonl, row);
    }
}
