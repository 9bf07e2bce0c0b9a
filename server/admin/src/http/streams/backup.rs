//! A backup as a file.

use crate::api::Signed;
use crate::http::Http;
use crate::http::answer::{authorised, read_json, refuse};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use tornado_admin_api::types::CreateBackup;
use tornado_admin_api::{AdminError, AdminResult, BACK_UP};
use tornado_runtime::clock::unix_now;
use uuid::Uuid;

/// `POST /api/v1/backup`
pub async fn back_up(State(http): State<Http>, request: Request) -> Response {
    match begin(&http, request).await {
        Ok(response) => response,
        Err(error) => refuse(&error),
    }
}

/// The response begins when the backup exists, so that a failure has its status. A later failure cuts the response off,
/// which the client detects by the length.
async fn begin(http: &Http, request: Request) -> AdminResult<Response> {
    let (parts, body) = request.into_parts();
    let signed = authorised(http, &BACK_UP, &parts).await?;
    let input = read_json(http, &parts, body).await?;
    let malformed = |error| AdminError::new(400, "malformed", format!("invalid request: {error}"));
    let CreateBackup { passphrase } = serde_json::from_slice(&input).map_err(malformed)?;
    let place = http.backups.take(signed.operator())?;
    let created = signed.create_backup(passphrase).await?;
    let state = (signed, created.id, Some(0_u64), place);
    let parts = futures::stream::unfold(state, |(signed, id, offset, place)| async move {
        let offset = offset?;
        match part(&signed, id, offset).await {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => {
                let next = offset.saturating_add(bytes.len() as u64);
                Some((Ok(bytes), (signed, id, Some(next), place)))
            }
            Err(error) => Some((Err(std::io::Error::other(error)), (signed, id, None, place))),
        }
    });
    let name = format!("attachment; filename=\"tornado-{}.backup\"", unix_now());
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_LENGTH, HeaderValue::from(created.bytes)),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

async fn part(signed: &Signed, id: Uuid, offset: u64) -> AdminResult<Bytes> {
    let text = signed.read_backup(id, offset).await?;
    let unreadable = |error| AdminError::new(500, "internal", format!("cannot decode a part of the backup: {error}"));
    data_encoding::BASE64.decode(text.as_bytes()).map(Bytes::from).map_err(unreadable)
}
