//! Access to services' databases with the rights of the service. SQLite opens files by name, and the service controls
//! what that name refers to.

use super::place::owner_of;
use crate::commands::blocking;
use anyhow::{Context as _, bail};
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;
use tornado_contracts::ServiceName;
use tornado_runtime::beneath::{Beneath, as_user, claim};
use tornado_runtime::files::beside;
use tornado_store::StoreError;

/// Writes a consistent copy of `name` in the state directory of `service` to the new file `to`, which root owns. The
/// directory of `to` must belong to root and have mode 0711, so that services can pass through it.
pub(in crate::commands) fn snapshot(state: &Path, service: ServiceName, name: &str, to: &Path) -> anyhow::Result<()> {
    let owner = owner_of(service)?;
    let from = state.join(service.as_str()).join(name);
    let room = beside(to, "room");
    claim(&room, owner, 0o700).with_context(|| format!("cannot create {}", room.display()))?;
    let copied = as_user(owner, || blocking(tornado_store::snapshot_sqlite(&from, &room.join("copy"))));
    let taken = copied.map_err(anyhow::Error::from).and_then(|copied| Ok(copied??)).and_then(|()| {
        std::fs::rename(room.join("copy"), to)?;
        let directory = to.parent().context("the target has no parent directory")?;
        let name = to.file_name().context("the target has no name")?;
        let file = Beneath::new(directory, Some(owner.uid))?.file(Path::new(name))?;
        if file.metadata()?.nlink() != 1 {
            bail!("the copy has a second hard link");
        }
        fchown(&file, Some(0), Some(0))?;
        Ok(file.set_permissions(Permissions::from_mode(0o600))?)
    });
    drop(std::fs::remove_dir_all(&room));
    taken
}

/// Runs a database query with the rights of `service`.
///
/// # Errors
///
/// Fails if the service's user does not exist or the query fails.
pub(in crate::commands) fn ask<T: Send, F: Future<Output = Result<T, StoreError>>>(
    service: ServiceName,
    question: impl FnOnce() -> F + Send,
) -> anyhow::Result<T> {
    Ok(as_user(owner_of(service)?, || blocking(question()))???)
}
