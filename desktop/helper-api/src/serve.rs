//! Serves the contract on a Unix socket.

use crate::access::Access;
use crate::contract::{EVENTS, Helper, router};
use crate::error::HelperError;
use crate::model::Status;
use axum::Router;
use futures::{Stream, StreamExt as _};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;
use tornado_rpc::{Limits, Socket, SocketServer};

/// Maximum number of concurrent connections of allowed users.
const CONNECTIONS: usize = 64;
/// Maximum number of concurrent rejections of other users.
const STRANGERS: usize = 8;
/// Timeout for a request's headers.
const HEADER_READ: Duration = Duration::from_secs(5);

/// Serves the contract until `shutdown`. The stream `events` yields the values of `status`. Running calls get 3 seconds
/// to finish.
///
/// # Errors
/// If the socket cannot be registered with the runtime.
pub async fn serve(
    socket: Socket,
    access: Access,
    helper: Arc<dyn Helper>,
    status: watch::Receiver<Status>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let limits =
        Limits { connections: CONNECTIONS, strangers: STRANGERS, header_read: HEADER_READ, ..Limits::default() };
    let router = routes(helper, status, shutdown.clone());
    let server = SocketServer::new(socket, access, router)?;
    server.with_limits(limits).serve(shutdown).await;
    Ok(())
}

pub(crate) fn routes(helper: Arc<dyn Helper>, status: watch::Receiver<Status>, stop: CancellationToken) -> Router {
    let open = move || std::future::ready(Ok::<_, HelperError>(lines(status.clone(), stop.clone())));
    router(helper).merge(EVENTS.router(open))
}

/// The current state and each later one, as JSON. A slow reader skips intermediate states.
fn lines(status: watch::Receiver<Status>, stop: CancellationToken) -> impl Stream<Item = String> {
    let lines = WatchStream::new(status).filter_map(|status| std::future::ready(serde_json::to_string(&status).ok()));
    lines.take_until(stop.cancelled_owned())
}
