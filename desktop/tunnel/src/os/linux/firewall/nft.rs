//! Calls of nft(8).

use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The only directories in which the program is looked for.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// A call takes some 20 ms.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("cannot run nft: {0}; is the package nftables installed?")]
    Missing(#[source] std::io::Error),
    #[error("nft did not end within {DEADLINE:?}")]
    Late,
    #[error("nft refused: {0}")]
    Said(String),
}

/// Runs a text as one transaction.
pub(super) async fn run(text: &str) -> Result<(), Refusal> {
    call(&["-f", "-"], text).await.map(drop)
}

/// Our table of a family as the kernel holds it; `None` when it does not exist.
pub(super) async fn list(family: &str, table: &str) -> Result<Option<String>, Refusal> {
    match call(&["list", "table", family, table], "").await {
        Ok(text) => Ok(Some(text)),
        Err(Refusal::Said(text)) if text.contains("No such file or directory") => Ok(None),
        Err(error) => Err(error),
    }
}

/// The program with its input piped, and no home in which it would keep a history; it ends with the value that runs it.
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
        // A child that ends early gives the reason on its standard error.
        let _ = input.write_all(text.as_bytes()).await;
    }
    let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.map_err(|_| Refusal::Late)?;
    let output = output.map_err(Refusal::Missing)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Refusal::Said(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
