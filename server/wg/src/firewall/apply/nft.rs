//! Runs nft(8).

use super::super::error::FirewallError;
use crate::netfilter::OwnChanges;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Search path. nft is in a directory that not every search path contains.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Absolute path of nft. With an absolute path the process is started without copying the page tables of this one; with
/// very many peers the copy takes milliseconds and delays packets.
fn program() -> PathBuf {
    let found = PATH.split(':').map(|directory| Path::new(directory).join("nft")).find(|path| path.is_file());
    found.unwrap_or_else(|| "nft".into())
}

/// Timeout of a run. A run normally takes about 20 ms.
const DEADLINE: Duration = Duration::from_secs(5);

/// The program, and the record of our runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nft {
    own: OwnChanges,
}

impl Nft {
    /// Registers each run with `own`.
    pub(crate) const fn new(own: OwnChanges) -> Self {
        Self { own }
    }

    /// True if the kernel would accept this ruleset. Changes nothing.
    pub(crate) async fn accepts(&self, text: String) -> bool {
        self.run(&["-c", "-f", "-"], Some(text)).await.is_ok()
    }

    /// Loads a ruleset in one transaction.
    pub(crate) async fn load(&self, text: String) -> Result<(), FirewallError> {
        self.run(&["-f", "-"], Some(text)).await.map(drop)
    }

    /// Removes a table of family `inet`, if it exists.
    pub(crate) async fn remove_table(&self, table: &str) -> Result<(), FirewallError> {
        self.load(format!("table inet {table}\ndelete table inet {table}\n")).await
    }

    /// Runs nft once, which is one transaction. Returns its output.
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
            // Before the process has read any input.
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
            .map_err(|_| FirewallError::Late(DEADLINE))?
            .map_err(FirewallError::Spawn)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(FirewallError::Refused(String::from_utf8_lossy(&output.stderr).trim().chars().take(500).collect()))
    }
}
