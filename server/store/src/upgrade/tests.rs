//! Upgrades on both engines: a newer schema is refused, an older one is copied, a failed migration changes nothing.

use super::copies;
use crate::roles::Roles;
use crate::{Database, KnownSchema, StoreError, check_sqlite, former_sqlite, postgres, undo_postgres};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Row as _, SqlSafeStr as _};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

const IDENTITY: KnownSchema = KnownSchema::Identity;
const GOOD: &str = "CREATE TABLE later (a INTEGER NOT NULL); INSERT INTO later VALUES (7);";
/// Its first statement works.
const BAD: &str = "CREATE TABLE half (a INTEGER); INSERT INTO missing VALUES (1);";
const USER: &str = "INSERT INTO users (id, username, password_hash, is_active, max_devices, created_at)
    VALUES ('u1', 'Zoë', '', 1, 3, 5);
    INSERT INTO devices (id, user_id, kind, name, created_at, last_login_at) VALUES ('d1', 'u1', 'v1', 'x', 1, 2);";

/// Migrations of a later version: those of `base` and `more`.
fn later(base: &Migrator, more: &[&'static str]) -> Migrator {
    let mut all: Vec<Migration> = base.iter().cloned().collect();
    for sql in more {
        let version = all.last().unwrap().version + 1;
        all.push(Migration::new(version, "later".into(), MigrationType::Simple, sql.into_sql_str(), false));
    }
    let mut migrator = Migrator::with_migrations(all);
    migrator.dangerous_set_table_name(base.table_name.clone());
    migrator
}

fn newest(migrator: &Migrator) -> i64 {
    super::newest(migrator)
}

async fn open(path: &Path, migrations: &Migrator) -> Result<(), StoreError> {
    Database::open_sqlite(path, migrations).await?.close().await;
    Ok(())
}

/// A file with the schema of this version and two rows. Returns its path and schema.
async fn file(dir: &tempfile::TempDir) -> (PathBuf, i64) {
    let path = dir.path().join("identity.db");
    let db = Database::open_sqlite(&path, &IDENTITY.sqlite()).await.unwrap();
    sqlx::raw_sql(USER).execute(db.writing()).await.unwrap();
    db.close().await;
    (path.canonicalize().unwrap(), newest(&IDENTITY.sqlite()))
}

async fn tables(path: &Path) -> Vec<String> {
    let mut db = crate::snapshot::connect(path).await.unwrap();
    let rows = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'").fetch_all(&mut db).await.unwrap();
    rows.iter().map(|row| row.get("name")).collect()
}

fn versions(path: &Path) -> Vec<i64> {
    let mut versions: Vec<i64> = copies::list(path).unwrap().into_iter().map(|(version, _)| version).collect();
    versions.sort_unstable();
    versions
}

#[tokio::test]
async fn an_older_file_is_copied_and_then_migrated() {
    let dir = tempfile::tempdir().unwrap();
    let (path, known) = file(&dir).await;
    assert_eq!(versions(&path), [0; 0], "a new file must not be copied");
    let next = later(&IDENTITY.sqlite(), &[GOOD]);
    open(&path, &next).await.unwrap();
    assert!(tables(&path).await.contains(&"later".to_owned()));
    let copy = copies::named(&path, known);
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(check_sqlite(&copy).await.unwrap().is_empty());
    assert!(!tables(&copy).await.contains(&"later".to_owned()));
    open(&path, &next).await.unwrap();
    assert_eq!(versions(&path), [known]);
    for count in 2..=4 {
        let all: Vec<&'static str> = [GOOD, "CREATE TABLE b (a)", "CREATE TABLE c (a)", "CREATE TABLE d (a)"].to_vec();
        open(&path, &later(&IDENTITY.sqlite(), &all[..count])).await.unwrap();
    }
    assert_eq!(versions(&path), [known + 2, known + 3], "only two copies must be kept");
    let left = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_str().unwrap().starts_with('.')), "nothing unfinished must remain");
}

#[tokio::test]
async fn a_failed_migration_of_a_file_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, known) = file(&dir).await;
    let error = open(&path, &later(&IDENTITY.sqlite(), &[GOOD, BAD])).await.unwrap_err().to_string();
    let versions = format!("from schema {known} to {}", known + 2);
    assert!(error.contains(&versions) && error.contains("the database is unchanged"), "{error}");
    assert!(error.contains(copies::named(&path, known).to_str().unwrap()), "{error}");
    let left = tables(&path).await;
    assert!(!left.contains(&"later".to_owned()) && !left.contains(&"half".to_owned()), "{left:?}");
    open(&path, &IDENTITY.sqlite()).await.unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_copied_is_not_migrated() {
    let dir = tempfile::tempdir().unwrap();
    let (path, known) = file(&dir).await;
    std::fs::create_dir(copies::named(&path, known)).unwrap();
    let error = open(&path, &later(&IDENTITY.sqlite(), &[GOOD])).await.unwrap_err();
    assert!(matches!(error, StoreError::CopyFailed { .. }), "{error:?}");
    assert!(!tables(&path).await.contains(&"later".to_owned()));
}

#[tokio::test]
async fn a_newer_file_is_refused_and_returns_to_its_copy() {
    let dir = tempfile::tempdir().unwrap();
    let (path, known) = file(&dir).await;
    assert_eq!(former_sqlite(&path, IDENTITY).await.unwrap(), None);
    open(&path, &later(&IDENTITY.sqlite(), &[GOOD, "CREATE TABLE b (a)"])).await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = open(&path, &IDENTITY.sqlite()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("schema {}", known + 2)) && error.contains(&format!("up to {known}")), "{error}");
    assert!(error.contains("tornadod migrate undo"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before, "the file must not be changed");

    let copy = former_sqlite(&path, IDENTITY).await.unwrap().unwrap();
    std::fs::rename(&copy, &path).unwrap();
    let db = Database::open_sqlite(&path, &IDENTITY.sqlite()).await.unwrap();
    let row = sqlx::query("SELECT username FROM users").fetch_one(&mut *db.reader().await.unwrap()).await.unwrap();
    assert_eq!(row.get::<String, _>("username"), "Zoë");
    db.close().await;

    open(&path, &later(&IDENTITY.sqlite(), &[GOOD])).await.unwrap();
    std::fs::remove_file(copies::named(&path, known)).unwrap();
    let error = former_sqlite(&path, IDENTITY).await.unwrap_err();
    assert!(matches!(error, StoreError::NoCopy { found, known: limit, .. } if (found, limit) == (known + 1, known)));
}

#[tokio::test]
async fn another_migration_with_the_same_number_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, known) = file(&dir).await;
    open(&path, &later(&IDENTITY.sqlite(), &[GOOD])).await.unwrap();
    let error = open(&path, &later(&IDENTITY.sqlite(), &["CREATE TABLE other (a)"])).await.unwrap_err();
    assert!(matches!(error, StoreError::SchemaForeign(version) if version == known + 1), "{error:?}");
}

#[tokio::test]
async fn copies_are_removed_after_thirty_days() {
    const DAY: u64 = 86_400;
    let dir = tempfile::tempdir().unwrap();
    let (path, known) = file(&dir).await;
    let next = later(&IDENTITY.sqlite(), &[GOOD]);
    let db = Database::open_sqlite(&path, &next).await.unwrap();
    let taken = OpenOptions::new().write(true).open(copies::named(&path, known)).unwrap();
    taken.set_modified(UNIX_EPOCH + Duration::from_secs(100 * DAY)).unwrap();
    File::create(dir.path().join("identity.db.schema-x")).unwrap();
    File::create(dir.path().join("session.db.schema-1")).unwrap();
    let at = |day: u64| i64::try_from(day * DAY).unwrap();
    assert_eq!(db.remove_copies(at(130)).unwrap(), 0);
    assert_eq!(db.remove_copies(at(130) + 1).unwrap(), 1);
    assert_eq!(
        std::fs::read_dir(dir.path())
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_str().unwrap().contains(".schema-") })
            .count(),
        2,
        "other files must stay"
    );
    db.close().await;
}

/// As the owner and with the roles of the installation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_copied_migrated_refused_and_undone() {
    let roles = Roles::start().await;
    let (owner, auth) = (roles.first("tornado_owner"), roles.first("tornado_auth"));
    let (base, known) = (IDENTITY.postgres(), newest(&IDENTITY.postgres()));
    let migrate = async |more: &[&'static str]| {
        postgres::migrate(&owner, "identity", "tornado_auth", &later(&IDENTITY.postgres(), more)).await
    };
    let copies = || {
        let names =
            "SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname LIKE 'identity_%'";
        roles.sql(names).trim().to_owned()
    };
    roles.sql(&format!("SET search_path TO identity; {USER}"));
    assert_eq!(migrate(&[]).await.unwrap(), None);
    assert_eq!(copies(), "", "without a migration there must be no copy");

    let error = migrate(&[GOOD, BAD]).await.unwrap_err().to_string();
    let copy = format!("identity_schema_{known}");
    assert!(error.contains(&format!("from schema {known} to {}", known + 2)) && error.contains(&copy), "{error}");
    assert!(error.contains("the database is unchanged"), "{error}");
    assert_eq!(
        roles.sql("SELECT to_regclass('identity.later') IS NULL AND to_regclass('identity.half') IS NULL").trim(),
        "t"
    );
    Database::open_postgres(&auth, "identity", &base).await.unwrap().close().await;

    assert_eq!(migrate(&[GOOD]).await.unwrap(), Some(copy.clone()));
    assert_eq!(roles.sql(&format!("SELECT username FROM {copy}.users")).trim(), "Zoë");
    for role in ["tornado_auth", "tornado_session"] {
        assert!(!roles.may(role, &format!("SELECT 1 FROM {copy}.users")), "{role} must not read the copy");
    }
    let error = Database::open_postgres(&auth, "identity", &base).await.unwrap_err().to_string();
    assert!(error.contains(&format!("schema {}", known + 1)) && error.contains(&format!("up to {known}")), "{error}");
    let error = postgres::migrate(&owner, "identity", "tornado_auth", &base).await.unwrap_err();
    assert!(matches!(error, StoreError::SchemaNewer { .. }), "{error:?}");

    roles.sql("UPDATE identity.users SET username = 'later'; DELETE FROM identity.devices");
    assert_eq!(undo_postgres(&owner).await.unwrap(), ["identity"]);
    assert_eq!(roles.sql("SELECT to_regclass('identity.later') IS NULL").trim(), "t");
    let rows = "SELECT username || device.id FROM identity.users JOIN identity.devices AS device ON user_id = users.id";
    assert_eq!(roles.sql(rows).trim(), "Zoëd1");
    Database::open_postgres(&auth, "identity", &base).await.unwrap().close().await;
    assert!(roles.may("tornado_auth", "UPDATE identity.users SET username = 'x'"), "the service must have its rights");
    assert!(!roles.may("tornado_auth", "DELETE FROM identity.identity_migrations"), "the record must be protected");
    assert_eq!(undo_postgres(&owner).await.unwrap(), [""; 0]);

    let all = [GOOD, "CREATE TABLE b (a INTEGER)", "CREATE TABLE c (a INTEGER)", "CREATE TABLE d (a INTEGER)"];
    for count in 1..=4 {
        migrate(&all[..count]).await.unwrap();
    }
    assert_eq!(copies(), format!("identity_schema_{} identity_schema_{}", known + 2, known + 3));
    let error = undo_postgres(&owner).await.unwrap_err().to_string();
    assert!(error.contains(&format!("schema {known} exists")), "{error}");
    assert_eq!(roles.sql("SELECT count(*) FROM identity.c").trim(), "0", "nothing must have changed");
}
