//! The user's choices about traffic outside the tunnel: the lockdown policy and the split tunnel. The policy is stored
//! so that it also holds at boot, before the helper runs.

use super::desired::DesiredTunnel;
use super::store::{Store, StoreError};
use tornado_helper_api::Split;
use tornado_shared::model::{LockdownMode, LockdownPolicy};

/// Name of the file with the split tunnel.
const SPLIT: &str = "split.json";
/// Name of the file in the state directory.
const FILE: &str = "lockdown.json";

/// The policy as found in the store.
#[derive(Debug, Clone)]
pub(crate) struct FoundPolicy {
    pub(crate) policy: LockdownPolicy,
    /// Why the stored policy cannot be read. The strictest policy then applies.
    pub(crate) unreadable: Option<String>,
    /// Networks outside the tunnel; empty if they cannot be read.
    pub(crate) split: Split,
}

/// Reads the policy. Without a file, the default applies.
pub(crate) fn load_policy(store: &Store) -> FoundPolicy {
    let (policy, unreadable) = match store.load::<LockdownPolicy>(FILE) {
        Ok(stored) => (stored.unwrap_or_default(), None),
        Err(error) => (LockdownPolicy::STRICTEST, Some(describe(&error))),
    };
    let split = store.load::<Split>(SPLIT).map(Option::unwrap_or_default).unwrap_or_else(|error| {
        tracing::error!(%error, "cannot read the networks outside the tunnel; all traffic enters the tunnel");
        Split::default()
    });
    FoundPolicy { policy, unreadable, split: split.checked().unwrap_or_default() }
}

/// Stores the policy. The previous file need not be readable. The file belongs to the owner of the directory, also if
/// root writes it for a helper of another user.
pub(crate) fn store_policy(store: &Store, policy: &LockdownPolicy) -> Result<(), StoreError> {
    store.replace(FILE, policy)?;
    store.give_to_owner(FILE)
}

pub(crate) fn store_split(store: &Store, split: &Split) -> Result<(), StoreError> {
    store.replace(SPLIT, split)
}

/// Returns whether traffic must be blocked before the helper runs. Only the policy and the desired state are read; a
/// file that cannot be read counts as a reason.
pub(crate) fn blocks_at_boot(store: &Store) -> bool {
    match load_policy(store).policy.mode {
        LockdownMode::Always => true,
        LockdownMode::Auto => !matches!(DesiredTunnel::load(store), Ok(None)),
        LockdownMode::Off => false,
    }
}

fn describe(error: &StoreError) -> String {
    const ADVICE: &str = "run `tornado lockdown off`, `auto` or `always` to replace it";
    match error {
        StoreError::Damaged { path, detail } => {
            format!("cannot use {}: invalid content ({detail}); {ADVICE}", path.display())
        }
        StoreError::Exposed { path } => {
            format!("cannot use {}: other users can access it; {ADVICE}", path.display())
        }
        StoreError::Io { .. } => format!("cannot read the lockdown policy: {error}; {ADVICE}"),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn write(directory: &std::path::Path, name: &str, text: &str) {
        fs::write(directory.join(name), text).unwrap();
        fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn what_cannot_be_read_blocks_at_boot() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().to_owned());
        assert!(!blocks_at_boot(&store), "a new machine");
        // A tunnel was desired when the machine went down.
        write(directory.path(), "wanted.json", "{");
        assert!(blocks_at_boot(&store));
        store_policy(&store, &LockdownPolicy { mode: LockdownMode::Off, ..LockdownPolicy::default() }).unwrap();
        assert!(!blocks_at_boot(&store), "the user chose `off`");
        fs::remove_file(directory.path().join("wanted.json")).unwrap();
        store_policy(&store, &LockdownPolicy { mode: LockdownMode::Always, ..LockdownPolicy::default() }).unwrap();
        assert!(blocks_at_boot(&store) && load_policy(&store).unreadable.is_none());
        for damaged in ["", "{}", "{\"mode\":\"never\",\"lan\":true,\"bridges\":true}", "\u{0}"] {
            write(directory.path(), FILE, damaged);
            let found = load_policy(&store);
            assert!(blocks_at_boot(&store) && found.policy == LockdownPolicy::STRICTEST, "{damaged:?}");
            assert!(found.unreadable.is_some_and(|why| why.contains("tornado lockdown off")), "{damaged:?}");
        }
        // A directory in place of the file is replaced by nothing, but the reason is reported.
        fs::remove_file(directory.path().join(FILE)).unwrap();
        fs::create_dir(directory.path().join(FILE)).unwrap();
        assert!(blocks_at_boot(&store) && store_policy(&store, &LockdownPolicy::default()).is_err());
    }
}
