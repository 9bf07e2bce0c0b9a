//! Databases of services, handled with the rights of the service: SQLite opens by name, and what that name leads to is
//! the service's to decide.

use super::beside;
use super::place::owner_of;
use crate::commands::blocking;
use anyhow::{Context as _, bail};
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;
use tornado_contracts::ServiceName;
use tornado_runtime::beneath::{Beneath, as_user, claim};
use tornado_store::StoreError;

/// Writes a consistent copy of `name` in the state directory of `service` to the new file `to`, which root owns. The
/// directory of `to` is root's, and others may pass through it (0711).
pub(in crate::commands) fn snapshot(state: &Path, service: ServiceName, name: &str, to: &Path) -> anyhow::Result<()> {
    let owner = owner_of(service)?;
    let from = state.join(service.as_str()).join(name);
    let room = beside(to, "room");
    claim(&room, owner, 0o700).with_context(|| format!("cannot make {}", room.display()))?;
    let copied = as_user(owner, || blocking(tornado_store::snapshot_sqlite(&from, &room.join("copy"))));
    let taken = copied.map_err(anyhow::Error::from).and_then(|copied| Ok(copied??)).and_then(|()| {
        std::fs::rename(room.join("copy"), to)?;
        let directory = to.parent().context("it has no parent directory")?;
        let name = to.file_name().context("it has no name")?;
        let file = Beneath::new(directory, Some(owner.uid))?.file(Path::new(name))?;
        if file.metadata()?.nlink() != 1 {
            bail!("the copy has a second name");
        }
        fchown(&file, Some(0), Some(0))?;
        Ok(file.set_permissions(Permissions::from_mode(0o600))?)
    });
    drop(std::fs::remove_dir_all(&room));
    taken
}

/// Runs a question to the databases of `service` with that service's rights.
///
/// # Errors
/// When there is no such user, or the question fails.
pub(in crate::commands) fn ask<T: Send, F: Future<Output = Result<T, StoreError>>>(
    service: ServiceName,
    question: impl FnOnce() -> F + Send,
) -> anyhow::Result<T> {
    Ok(as_user(owner_of(service)?, || blocking(question()))???)
}
