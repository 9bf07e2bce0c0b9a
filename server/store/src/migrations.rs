//! The migrations of our schemas, as files in the program.
//!
//! A list instead of `sqlx::migrate!`: the macro is the only one of sqlx that would be used, and it builds sqlx and
//! SQLite a second time, for the compiler.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use std::borrow::Cow;

/// Name of a file and its content, in order.
type Files = &'static [(&'static str, &'static str)];

macro_rules! files {
    ($dir:literal: $($name:literal)+) => {
        &[$(($name, include_str!(concat!("../migrations/", $dir, "/", $name, ".sql")))),+]
    };
}

pub(crate) const IDENTITY_SQLITE: Files = files!("identity/sqlite":
    "0001_identity"
    "0002_audit"
    "0003_accounts"
    "0004_quota"
    "0005_treatment"
    "0006_treated"
    "0007_sign_ins"
    "0008_api_tokens"
    "0009_passkeys"
    "0010_settings"
);
pub(crate) const IDENTITY_POSTGRES: Files = files!("identity/postgres":
    "0001_identity"
    "0002_audit"
    "0003_accounts"
    "0004_quota"
    "0005_treatment"
    "0006_treated"
    "0007_sign_ins"
    "0008_api_tokens"
    "0009_passkeys"
    "0010_settings"
);
pub(crate) const SESSIONS_SQLITE: Files = files!("sessions/sqlite":
    "0001_leases"
    "0002_sessions"
    "0003_history"
    "0004_isolation"
    "0005_nodes"
    "0006_plain"
    "0007_exits"
    "0008_usage"
    "0009_allowances"
    "0010_marks"
    "0011_usage_days"
);
pub(crate) const SESSIONS_POSTGRES: Files = files!("sessions/postgres":
    "0004_sessions"
    "0005_nodes"
    "0006_plain"
    "0007_exits"
    "0008_usage"
    "0009_allowances"
    "0010_marks"
    "0011_usage_days"
);

/// The migrations in `files`.
pub(crate) fn migrator(files: Files) -> Migrator {
    let migrations = files.iter().filter_map(|(name, sql)| {
        let (version, description) = name.split_once('_')?;
        let description = Cow::Owned(description.replace('_', " "));
        Some(Migration::new(version.parse().ok()?, description, MigrationType::Simple, sql.into_sql_str(), false))
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_lists_are_the_folders() {
        for (dir, files) in [
            ("identity/sqlite", IDENTITY_SQLITE),
            ("identity/postgres", IDENTITY_POSTGRES),
            ("sessions/sqlite", SESSIONS_SQLITE),
            ("sessions/postgres", SESSIONS_POSTGRES),
        ] {
            let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dir);
            let read = Migrator::new(dir.as_path()).await.unwrap();
            let row =
                |one: &Migration| (one.version, one.description.clone(), one.migration_type, one.checksum.clone());
            let rows = |all: &Migrator| all.iter().map(row).collect::<Vec<_>>();
            assert_eq!(rows(&migrator(files)), rows(&read), "{}", dir.display());
        }
    }
}
