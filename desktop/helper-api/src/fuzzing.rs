//! What the fuzz targets call: the serving end without its socket.

use crate::{Access, Helper, Status};
use axum::{Extension, Router};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The routes of a helper, for a caller who may use it.
pub fn router(helper: Arc<dyn Helper>, status: watch::Receiver<Status>) -> Router {
    let routes = crate::serve::routes(helper, status, CancellationToken::new());
    tornado_rpc::with_unknown_methods(routes).layer(Extension(Access::superuser()))
}
