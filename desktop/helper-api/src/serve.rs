//! Serves the contract on a Unix socket.

use crate::contract::{EVENTS, Helper, router};
use crate::{Access, HelperError, Status};
use axum::Router;
use futures::Stream;
use std::io;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tornado_rpc::{Limits, Socket, SocketServer};

<<<<<<< HEAD
/// Connections at once of the users who may call.
const CONNECTIONS: usize = 64;
/// Refusals of other users at once.
const STRANGERS: usize = 8;
=======
/// Maximum number of concurrent connections of allowed users, and of concurrent rejections of all other users.
const LIMITS: (usize, usize) = (64, 8);
>>>>>>> 49f7ae2 (words: words-4)

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
    let limits = Limits { connections: CONNECTIONS, strangers: STRANGERS, ..Limits::default() };
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
    futures::stream::unfold((status, stop, true), |(mut status, stop, first)| async move {
        if !first {
            tokio::select! {
                changed = status.changed() => changed.ok()?,
                () = stop.cancelled() => return None,
            }
        }
        let line = serde_json::to_string(&*status.borrow_and_update()).ok()?;
        Some((line, (status, stop, false)))
    })
}
