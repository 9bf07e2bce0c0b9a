//! Runs nft(8).

use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The only directories in which the program is searched.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// Timeout of a call, which usually takes 20 ms.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("cannot run nft: {0}; check that the package nftables is installed")]
    Missing(#[source] std::io::Error),
    #[error("nft did not finish within {DEADLINE:?}")]
    Late,
    #[error("nft reported an error: {0}")]
    Said(String),
}

/// Runs `text` as one transaction.
pub(super) async fn run(text: &str) -> Result<(), Refusal> {
    call(&["-f", "-"], text).await.map(drop)
}

/// Lists a table as the kernel has it; `None` if it does not exist.
pub(super) async fn list(family: &str, table: &str) -> Result<Option<String>, Refusal> {
    match call(&["list", "table", family, table], "").await {
        Ok(text) => Ok(Some(text)),
        Err(Refusal::Said(text)) if text.contains("No such file or directory") => Ok(None),
        Err(error) => Err(error),
    }
}

/// The command, with its input piped and without a home directory for a history file. Dropping the child process kills
/// it.
pub(super) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("nft");
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/nonexistent")
        .stdin(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn call(arguments: &[&str], text: &str) -> Result<String, Refusal> {
    let mut child =
        command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(Refusal::Missing)?;
    if let Some(mut input) = child.stdin.take() {
        // A child that exits early reports the reason on standard error.
        let _ = input.write_all(text.as_bytes()).await;
    }
    let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.map_err(|_| Refusal::Late)?;
    let output = output.map_err(Refusal::Missing)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Refusal::Said(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
