//! Signals that end a process.

use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that SIGTERM and SIGINT cancel. SIGHUP, with which other servers read their configuration again, would end a
/// process that does not watch it; here it only leaves a line in the log.
///
/// # Errors
/// When a signal cannot be watched.
pub fn end_on_signals() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let shutdown = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                Some(()) = hang_up.recv() => {
                    tracing::info!("SIGHUP changes nothing; `tornadod restart` takes a new configuration over");
                }
            }
        }
        shutdown.cancel();
    });
    Ok(token)
}
