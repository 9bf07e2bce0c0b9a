//! Calls nft(8).

use super::FirewallError;
use crate::netfilter::OwnRuns;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// nft lives in a directory that is not in everybody's search path.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Where it is. By its whole path it is started without copying this process's page tables, which costs milliseconds
/// with very many peers and holds up packets meanwhile.
fn program() -> PathBuf {
    let found = PATH.split(':').map(|directory| Path::new(directory).join("nft")).find(|path| path.is_file());
    found.unwrap_or_else(|| "nft".into())
}
/// A call takes some 20 ms.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// The program, and which of its runs are ours.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nft {
    own: OwnRuns,
}

impl Nft {
    /// Tells `own` of each run.
    pub(crate) const fn new(own: OwnRuns) -> Self {
        Self { own }
    }

    /// True when the kernel would take this. Changes nothing.
    pub(crate) async fn accepts(&self, text: String) -> bool {
        self.run(&["-c", "-f", "-"], Some(text)).await.is_ok()
    }

    /// One run, which is one transaction. Returns what it printed.
    pub(crate) async fn run(&self, arguments: &[&str], input: Option<String>) -> Result<String, FirewallError> {
        let run = async {
            let mut child = Command::new(program())
                .args(arguments)
                .env_clear()
                .env("PATH", PATH)
                .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            // Before it has read anything.
            if let Some(process) = child.id() {
                self.own.note(process);
            }
            if let (Some(mut stdin), Some(text)) = (child.stdin.take(), input) {
                stdin.write_all(text.as_bytes()).await?;
            }
            child.wait_with_output().await
        };
        let output = tokio::time::timeout(DEADLINE, run)
            .await
            .map_err(|_| FirewallError::Late)?
            .map_err(FirewallError::Spawn)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(FirewallError::Refused(String::from_utf8_lossy(&output.stderr).trim().chars().take(500).collect()))
    }
}
