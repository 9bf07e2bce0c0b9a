//! resolvconf(8) of Debian and of openresolv, which accepts the same arguments.

use crate::os::OsError;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// Timeout of a call. resolvconf runs scripts of other packages, which may wait for their daemons.
const DEADLINE: Duration = Duration::from_secs(8);

/// Makes our entry the first. Debian's program keeps the other entries behind it. They are unreachable while DNS is
/// restricted to the tunnel, so a query goes to the lane's resolver or fails.
pub(super) async fn set(entry: &str, servers: &[IpAddr]) -> Result<(), OsError> {
    let mut text = String::new();
    for server in servers {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "nameserver {server}");
    }
    // Metric 0 and exclusive, for openresolv. Debian's program ignores both.
    run(&["-a", &named(entry), "-m", "0", "-x"], &text).await
}

pub(super) async fn remove(entry: &str) -> Result<(), OsError> {
    run(&["-d", &named(entry), "-f"], "").await
}

/// Both programs sort interfaces with this prefix first.
fn named(entry: &str) -> String {
    format!("tun0.{entry}")
}

async fn run(words: &[&str], input: &str) -> Result<(), OsError> {
    let fail = |cause: String| OsError::new("set the resolvers with resolvconf", cause);
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
        // A child that exits early reports the reason on standard error.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = tokio::time::timeout(DEADLINE, child.wait_with_output())
        .await
        .map_err(|_| fail(format!("it did not finish within {DEADLINE:?}")))?
        .map_err(|e| fail(e.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(fail(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
