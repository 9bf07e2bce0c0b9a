//! `GET /openapi.json`.

use axum::Json;
use utoipa::OpenApi;

/// The document.
#[derive(OpenApi)]
#[openapi(info(title = "Tornado VPN device API", description = "What devices speak with the server on port 4605."))]
struct Document;

/// `GET /openapi.json`
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
