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
pub(crate) enum NftError {
    #[error("cannot run nft: {0}; check that the package nftables is installed")]
    NotRun(#[source] std::io::Error),
    #[error("nft did not finish within {DEADLINE:?}")]
    Timeout,
    #[error("nft reported an error: {0}")]
    Failed(String),
}

/// Runs `text` as one transaction.
pub(crate) async fn run(text: &str) -> Result<(), NftError> {
    call(&["-f", "-"], text).await.map(drop)
}

/// Tests whether nft and the kernel accept `text`. Changes nothing.
pub(crate) async fn test(text: &str) -> Result<(), NftError> {
    call(&["-c", "-f", "-"], text).await.map(drop)
}

/// Lists a table as the kernel has it; `None` if it does not exist.
pub(crate) async fn list(family: &str, table: &str) -> Result<Option<String>, NftError> {
    match call(&["list", "table", family, table], "").await {
        Ok(text) => Ok(Some(text)),
        Err(NftError::Failed(text)) if text.contains("No such file or directory") => Ok(None),
        Err(error) => Err(error),
    }
}

/// The command, with its input piped and without a home directory for a history file. Dropping the child process kills
/// it.
pub(crate) fn command(arguments: &[&str]) -> Command {
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

async fn call(arguments: &[&str], text: &str) -> Result<String, NftError> {
    let mut child =
        command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(NftError::NotRun)?;
    if let Some(mut input) = child.stdin.take() {
        // A child that exits early reports the reason on standard error.
        let _ = input.write_all(text.as_bytes()).await;
    }
    let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.map_err(|_| NftError::Timeout)?;
    let output = output.map_err(NftError::NotRun)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(NftError::Failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
