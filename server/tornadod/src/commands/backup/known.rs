//! The files that services keep in their state directories: which of them a backup contains and a restore accepts.

use std::path::Path;
use tornado_backup::EntryPath;
use tornado_contracts::ServiceName;

/// How a backup treats a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// A database in use: saved as a consistent copy.
    Snapshot,
    /// A file that is replaced atomically or never changes: copied.
    Copy,
    /// Recreated by its service: not saved.
    Skip,
    /// Not a file of any service.
    Unknown,
}

/// Directories below the services' own ones whose files are saved.
const DIRECTORIES: [&str; 4] = ["auth/keys", "tor/data", "tor/data/keys", "tor/data/pt_state"];

/// Returns true if files in the directory `path` (relative to the state directory) are saved.
pub(super) fn is_directory(path: &str) -> bool {
    !path.contains('/') || DIRECTORIES.contains(&path)
}

/// The treatment of a file, or of a directory that is not entered, by its path relative to the state directory.
pub(super) fn treatment(path: &str) -> Treatment {
    use ServiceName::{Admin, Auth, ClientApi, Dns, Session, Telemetry, Tor, Wg};
    let (service, rest) = path.split_once('/').unwrap_or((path, ""));
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let unfinished = name.starts_with('.') || name.ends_with(".new") || name == "lock";
    // A database that was moved to PostgreSQL or undone, and a copy from before a migration, are no longer state.
    let of_engine = ["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end))
        || [".db.moved-", ".db.schema-", ".db.undone-"].iter().any(|former| name.contains(former));
    // The consensus is downloaded again; the guards and Tor's own keys are kept.
    let of_tor = service.parse::<ServiceName>() == Ok(Tor)
        && (name.starts_with("cached-")
            || name.starts_with("unverified-")
            || name.starts_with("torrc")
            || ["sockets", "exits", "data/diff-cache"].iter().any(|skipped| Path::new(rest).starts_with(skipped)));
    // The former forwarding settings of this machine's interfaces have no meaning on another machine.
    let of_machine = path == "wg/forwarding.json";
    // Logs and metrics describe the former machine.
    let of_history = path == "telemetry/logs" || path.starts_with("telemetry/metrics.db");
    if unfinished || of_engine || of_tor || of_machine || of_history {
        return Treatment::Skip;
    }
    if EntryPath::try_from(format!("state/{path}")).is_err() {
        return Treatment::Unknown;
    }
    let ends = |end: &str| name.strip_suffix(end).is_some_and(|stem| !stem.is_empty());
    let is_known = match directory {
        "auth/keys" => ends(".json"),
        "tor/data" => name == "state",
        "tor/data/keys" | "tor/data/pt_state" => true,
        own => match own.parse::<ServiceName>() {
            Ok(Auth | Session | Tor | Dns | Admin | Telemetry) => ends(".json"),
            Ok(Wg) => ends(".json") || ends(".key"),
            Ok(ClientApi) => ends(".json") || ["tls.crt", "tls.key"].contains(&name),
            Err(_) => false,
        },
    };
    match path {
        "auth/identity.db" | "session/session.db" => Treatment::Snapshot,
        _ if is_known => Treatment::Copy,
        _ => Treatment::Unknown,
    }
}

/// The order in which files are saved. The signature over the newest audit row must not be newer than the rows. Tokens
/// and sessions must not be newer than their accounts, and keys must not be older than the data they encrypt.
pub(super) fn rank(path: &str) -> u8 {
    match path {
        "auth/audit-head.json" => 0,
        "auth/identity.db" => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_and_how() {
        for (path, wanted) in [
            ("auth/identity.db", Treatment::Snapshot),
            ("auth/identity.db-wal", Treatment::Skip),
            ("auth/identity.db-journal", Treatment::Skip),
            ("auth/identity.db.moved-1800000000", Treatment::Skip),
            ("session/session.db.schema-11", Treatment::Skip),
            ("session/session.db.undone-1800000000-wal", Treatment::Skip),
            ("auth/keys/identity.json", Treatment::Copy),
            ("auth/keys/.unfinished-identity.json", Treatment::Skip),
            ("auth/restored.json", Treatment::Copy),
            ("session/session.db", Treatment::Snapshot),
            ("wg/direct.key", Treatment::Copy),
            ("wg/endpoints.json", Treatment::Copy),
            ("wg/tor.new", Treatment::Skip),
            ("client-api/tls.key", Treatment::Copy),
            ("tor/wanted.json", Treatment::Copy),
            ("tor/data/state", Treatment::Copy),
            ("tor/data/keys/x", Treatment::Copy),
            ("tor/data/cached-microdescs.new", Treatment::Skip),
            ("tor/data/unverified-microdesc-consensus", Treatment::Skip),
            ("tor/data/cached-certs", Treatment::Skip),
            ("tor/data/lock", Treatment::Skip),
            ("tor/sockets/cookie", Treatment::Skip),
            ("tor/torrc", Treatment::Skip),
            ("telemetry/logs", Treatment::Skip),
            ("telemetry/metrics.db.damaged", Treatment::Skip),
            ("telemetry/saved-queries.json", Treatment::Copy),
            ("tor/exits/de/data/state", Treatment::Skip),
            ("auth/a b.json", Treatment::Unknown),
            ("auth/.json", Treatment::Skip),
            ("auth/x.db", Treatment::Unknown),
            ("auth/keys/x/y.json", Treatment::Unknown),
            ("auth/../session/session.db", Treatment::Unknown),
            ("session/identity.db", Treatment::Unknown),
            ("wg/identity.db", Treatment::Unknown),
            ("dns/shadow", Treatment::Unknown),
            ("nobody/x.json", Treatment::Unknown),
            ("auth", Treatment::Unknown),
        ] {
            assert_eq!(treatment(path), wanted, "{path}");
        }
        assert!(rank("auth/audit-head.json") < rank("auth/identity.db"));
        assert!(rank("auth/identity.db") < rank("auth/keys/at-rest.json"));
        assert!(rank("auth/identity.db") < rank("session/session.db"));
    }

    #[test]
    fn only_known_directories_are_entered() {
        for path in ["auth", "tor", "auth/keys", "tor/data"] {
            assert!(is_directory(path), "{path}");
        }
        for path in ["auth/keys/x", "tor/sockets", "tor/data/diff-cache", "wg/keys"] {
            assert!(!is_directory(path), "{path}");
        }
    }
}
