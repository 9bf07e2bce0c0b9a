//! What the fuzz targets call: the serving end without its socket.

use crate::Helper;
use axum::Router;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The routes of a helper.
pub fn router(helper: Arc<dyn Helper>) -> Router {
    crate::server::router(helper, CancellationToken::new())
}
