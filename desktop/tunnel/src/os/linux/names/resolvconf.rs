//! resolvconf(8): Debian's, and openresolv's, which takes the same words.

use crate::os::OsError;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// It runs scripts of other packages, which may wait for their daemons.
const DEADLINE: Duration = Duration::from_secs(8);

/// The entry of ours becomes first. Debian's program keeps others behind it: those are unreachable while the guard
/// is in place, so a name is asked of the lane or not at all.
pub(super) async fn set(entry: &str, servers: &[IpAddr]) -> Result<(), OsError> {
    let mut text = String::new();
    for server in servers {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "nameserver {server}");
    }
    // Metric 0 and exclusive, for openresolv; Debian's takes no notice.
    run(&["-a", &named(entry), "-m", "0", "-x"], &text).await
}

pub(super) async fn remove(entry: &str) -> Result<(), OsError> {
    run(&["-d", &named(entry), "-f"], "").await
}

/// Both sort interfaces named like this first.
fn named(entry: &str) -> String {
    format!("tun0.{entry}")
}

async fn run(words: &[&str], input: &str) -> Result<(), OsError> {
    let fail = |cause: String| OsError::new("set the resolvers by resolvconf", cause);
    let mut child = Command::new("resolvconf")
        .args(words)
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| fail(e.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A child that ends early says why on its standard error.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = tokio::time::timeout(DEADLINE, child.wait_with_output())
        .await
        .map_err(|_| fail(format!("it did not end within {DEADLINE:?}")))?
        .map_err(|e| fail(e.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(fail(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
