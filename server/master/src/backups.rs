//! Backups for operators: created by `tornadod backup`, and held as an open file that has no name any more.

use data_encoding::BASE64;
use parking_lot::Mutex;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tornado_contracts::operator::OperatorError;
use tornado_contracts::operator::services::{BackupPart, CreateBackup, CreatedBackup, ReadBackup};
use tornado_runtime::beneath::{Owner, claim};
use uuid::Uuid;

/// Time for which a backup can be read.
const KEPT: Duration = Duration::from_secs(900);
/// Size of a part, bytes; a multiple of 3, so that the texts of all parts have no padding inside.
const PART: usize = 3 * 128 * 1024;
/// Largest part of an error message of `tornadod backup`, bytes.
const MAX_MESSAGE: usize = 500;

/// Creates and holds the latest backup.
pub struct Backups {
    directory: PathBuf,
    config_path: PathBuf,
    latest: Arc<Mutex<Option<Held>>>,
}

struct Held {
    id: Uuid,
    file: File,
}

fn failed(detail: impl std::fmt::Display) -> OperatorError {
    let detail = format!("cannot create a backup: {detail}");
    OperatorError::Refused { status: 500, code: "backup_failed".into(), detail, retry_after: None }
}

impl Backups {
    /// Backups of the server with this state directory and configuration file.
    pub fn new(state_dir: &Path, config_path: &Path) -> Self {
        let directory = state_dir.join(".download");
        Self { directory, config_path: config_path.to_owned(), latest: Arc::default() }
    }

    /// Creates a backup and forgets the one before.
    pub async fn create(&self, input: CreateBackup) -> Result<CreatedBackup, OperatorError> {
        check_passphrase(input.passphrase.expose())?;
        claim(&self.directory, Owner { uid: 0, gid: 0 }, 0o700).map_err(failed)?;
        let id = Uuid::new_v4();
        let path = self.directory.join(id.to_string());
        let written = self.write(&path, &input).await;
        let opened = written.and_then(|()| File::open(&path).map_err(failed));
        // From here on, the file exists as long as it is open.
        let removed = std::fs::remove_file(&path);
        let file = opened?;
        removed.map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        *self.latest.lock() = Some(Held { id, file });
        self.forget_later(id);
        Ok(CreatedBackup { id, bytes })
    }

    async fn write(&self, path: &Path, input: &CreateBackup) -> Result<(), OperatorError> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("backup").arg(path).arg("--passphrase-stdin").arg("--config").arg(&self.config_path);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).current_dir("/");
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.passphrase.expose().as_bytes()).await.map_err(failed)?;
        }
        let output = child.wait_with_output().await.map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("the program ended");
        Err(failed(last.chars().take(MAX_MESSAGE).collect::<String>()))
    }

    fn forget_later(&self, id: Uuid) {
        let latest = self.latest.clone();
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            let mut latest = latest.lock();
            if latest.as_ref().is_some_and(|held| held.id == id) {
                *latest = None;
            }
        });
    }

    /// Reads a part.
    pub fn read(&self, input: ReadBackup) -> Result<BackupPart, OperatorError> {
        let latest = self.latest.lock();
        let Some(held) = latest.as_ref().filter(|held| held.id == input.id) else {
            let detail = "this backup is no longer available; create another one".into();
            return Err(OperatorError::Refused { status: 404, code: "not_found".into(), detail, retry_after: None });
        };
        let mut bytes = vec![0; PART];
        let count = read_full(&held.file, &mut bytes, input.offset).map_err(failed)?;
        Ok(BackupPart { data: BASE64.encode(bytes.get(..count).unwrap_or_default()) })
    }
}

/// As `tornadod backup` does, which reads one line.
fn check_passphrase(passphrase: &str) -> Result<(), OperatorError> {
    if passphrase.chars().count() >= 10 && passphrase.len() <= 1024 && !passphrase.contains(char::is_control) {
        return Ok(());
    }
    let detail = "the passphrase must have 10 to 1,024 characters, without line breaks".into();
    Err(OperatorError::Refused { status: 400, code: "invalid_fields".into(), detail, retry_after: None })
}

/// Reads until the buffer is full or the file ends; returns the number of bytes.
fn read_full(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(count as u64)) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn parts_join_to_the_file() {
        let backups = Backups::new(Path::new("/nowhere"), Path::new("/nowhere"));
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..PART + 1000).map(|number| u8::try_from(number % 251).unwrap()).collect();
        file.write_all(&content).unwrap();
        let id = Uuid::new_v4();
        *backups.latest.lock() = Some(Held { id, file });
        let mut read = Vec::new();
        loop {
            let part = backups.read(ReadBackup { id, offset: read.len() as u64 }).unwrap();
            if part.data.is_empty() {
                break;
            }
            read.extend(BASE64.decode(part.data.as_bytes()).unwrap());
        }
        assert!(read == content);
        let other = backups.read(ReadBackup { id: Uuid::new_v4(), offset: 0 }).unwrap_err();
        assert!(matches!(other, OperatorError::Refused { status: 404, .. }));
    }

    #[test]
    fn a_passphrase_is_one_long_line() {
        assert!(check_passphrase("correct horse").is_ok());
        for bad in ["short", "correct\nhorse battery", ""] {
            assert!(check_passphrase(bad).is_err(), "{bad:?}");
        }
    }
}
