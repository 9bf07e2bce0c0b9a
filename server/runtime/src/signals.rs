//! Signals that end a process.

use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Returns a token that SIGTERM and SIGINT cancel. SIGHUP, which makes other servers reload their configuration, only
/// leaves a log line; without a handler it would end the process.
///
/// # Errors
/// When a signal handler cannot be installed.
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
                    tracing::info!("SIGHUP ignored; run `tornadod restart` to apply a new configuration");
                }
            }
        }
        shutdown.cancel();
    });
    Ok(token)
}
