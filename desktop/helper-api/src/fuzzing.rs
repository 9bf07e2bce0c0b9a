//! Entry point of the fuzz targets: the router without its socket.

use crate::{Access, Helper, Status};
use axum::{Extension, Router};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The router of a helper, for a caller that may call every method.
pub fn router(helper: Arc<dyn Helper>, status: watch::Receiver<Status>) -> Router {
    let routes = crate::serve::routes(helper, status, CancellationToken::new());
    tornado_rpc::with_unknown_methods(routes).layer(Extension(Access::superuser()))
}
