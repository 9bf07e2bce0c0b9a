//! Accounts of the profiles that are not in use, one file each. The account in use is always `state.json`.
//!
//! A change of the profile stores the account in use under its name before it replaces `state.json`, and removes the
//! file of the new one last. After a crash in between, an account exists twice; the copy with the name of the account
//! in use is ignored and removed.

use super::model::Account;
use super::store::{Store, StoreError};
use tornado_helper_api::ProfileName;

const PREFIX: &str = "profile-";
const SUFFIX: &str = ".json";

fn file(name: &ProfileName) -> String {
    format!("{PREFIX}{name}{SUFFIX}")
}

/// Names of the stored profiles, sorted.
pub(super) fn names(store: &Store) -> Result<Vec<ProfileName>, StoreError> {
    let files = store.file_names()?;
    let name = |file: &String| file.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok();
    let mut names: Vec<ProfileName> = files.iter().filter_map(name).collect();
    names.sort_unstable();
    Ok(names)
}

/// Returns `None` only if there is no such profile.
pub(super) fn load(store: &Store, name: &ProfileName) -> Result<Option<Account>, StoreError> {
    let Some(mut account) = store.load::<Account>(&file(name))? else { return Ok(None) };
    account.address().map_err(|e| store.damaged(&file(name), e.to_string()))?;
    account.profile = name.clone();
    Ok(Some(account))
}

pub(super) fn save(store: &Store, account: &Account) -> Result<(), StoreError> {
    store.replace(&file(&account.profile), account)
}

pub(super) fn remove(store: &Store, name: &ProfileName) -> Result<(), StoreError> {
    store.remove(&file(name))
}
