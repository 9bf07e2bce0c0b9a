//! Transfers between real engines: nothing is lost in either direction, and a failure leaves nothing behind.

use super::{End, Moved, SqliteFiles, TransferError, rows, tables, to_postgres, to_sqlite};
use crate::identity::chain::Walk;
use crate::identity::{Authority, NewAudit, SqlIdentityStore};
use crate::sessions::SqlSessions;
use crate::{KnownSchema, PostgresLogin, StoreError, snapshot};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tornado_e2e_engines::Postgres;

/// A row for each table, with values that engines might change: NULL, empty and large values, quotes, non-ASCII
/// letters.
const IDENTITY: &str = "
INSERT INTO users VALUES ('u1', 'łukasz''s', 'a@example.org', '$argon2id$', 1, 3, 1800000000, NULL, NULL, 9007199254740993, 1, 9007199254740995, 1),
    ('u2', 'gone', NULL, '', 0, 1, 1, 2, 3, NULL, NULL, NULL, 0);
INSERT INTO devices VALUES ('d1', 'u1', 'v2', zeroblob(32), 'Zoë \"x\"', 'key', 1, 2, NULL),
    ('d2', 'u2', 'v1', NULL, '', NULL, 1, 2, 3);
INSERT INTO invitations VALUES ('i1', randomblob(32), NULL, 3, 1, 9223372036854775807, NULL);
INSERT INTO token_families (id, user_id, device_id, refresh_jti, sealed_export, created_at, expires_at)
    VALUES ('f1', 'u1', 'd1', 'j', X'00FF', 1, 2), ('f2', 'u1', 'd2', 'k', X'', 1, 2);
INSERT INTO spent_envelopes VALUES (randomblob(32), 1);
INSERT INTO operators VALUES ('o1', 'olga', '$argon2id$', 'viewer', 1, 2);
INSERT INTO operator_sign_ins VALUES ('s1', 'o1', randomblob(32), 1, 2, 1, 1, '192.0.2.1');
INSERT INTO api_tokens VALUES ('t1', 'o1', 'backup', randomblob(32), 'users.read tor.read', 1, 2, NULL);
INSERT INTO operator_passkeys VALUES ('p1', 'o1', 'key \"x\"', randomblob(16), '{}', 1, NULL);
INSERT INTO second_factors VALUES ('operator', 'o1', randomblob(40), 1, 5, 6);
INSERT INTO recovery_codes VALUES ('operator', 'o1', randomblob(32), NULL);
INSERT INTO setup_code VALUES (1, randomblob(32), 7);
INSERT INTO settings VALUES ('server.host', 'vpn.example.org', 1);
INSERT INTO tls_key VALUES (1, 'spki', 8);";

const SESSIONS: &str = "
INSERT INTO leases VALUES ('main', 2, 'd1', 's1', 'u1', NULL), ('main', 3, NULL, NULL, NULL, 5);
INSERT INTO sessions (session_id, device_id, user_id, family_id, username, node_id, slot, public_key, state, started_at,
    last_heartbeat, direct_rx) VALUES ('s1', 'd1', 'u1', 'f1', 'alice', 'main', 2, 'k', 'online', 1, 2, 4611686018427387904);
INSERT INTO history (session_id, user_id, username, device_id, public_key, started_at, ended_at, reason)
    VALUES ('s1', 'u1', 'alice', 'd1', 'k', 1, NULL, NULL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
    INSERT INTO history (session_id, user_id, username, device_id, public_key, started_at, ended_at, reason, direct_rx)
    SELECT 'old' || i, 'u1', 'alice', 'd1', 'k', i, i + 1, 'disconnect', i * 7 FROM n;
INSERT INTO isolation VALUES ('main', 77);
INSERT INTO turns VALUES ('u1', 9);
INSERT INTO exits VALUES ('d1', 'de');
INSERT INTO usage VALUES ('u1', 1, 2, 3, 4, 5);
INSERT INTO allowances VALUES ('u1', 202611, 0, 10);
INSERT INTO marks VALUES ('u1', 'day', 20000, 1, 2, 3, 4), ('u1', 'month', 24310, 0, 0, 0, 0);
INSERT INTO usage_days VALUES ('u1', 19999, 1, 2, 3, 9007199254740993);";

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn filled() -> Self {
        let files = Self::new();
        let store = SqlIdentityStore::open_sqlite(&files.path("i")).await.unwrap();
        for number in 0..5 {
            let act = NewAudit {
                authority: Authority::Caller,
                at: number,
                actor: "root".into(),
                action: format!("act{number}"),
                subject: "Zoë's".into(),
                outcome: "done".into(),
                details: "{}".into(),
            };
            store.append_audit(&act).await.unwrap();
        }
        store.close().await;
        SqlSessions::open_sqlite(&files.path("s")).await.unwrap().shut().await;
        for (name, schema, sql) in [("i", KnownSchema::Identity, IDENTITY), ("s", KnownSchema::Sessions, SESSIONS)] {
            run(&files.path(name), sql).await;
            let mut db = snapshot::connect(&files.path(name)).await.unwrap();
            for table in tables::read(&mut db, schema.record()).await.unwrap() {
                let query = format!("SELECT * FROM {} LIMIT 1", table.name);
                let row = sqlx::query(AssertSqlSafe(query)).fetch_optional(&mut db).await.unwrap();
                assert!(row.is_some(), "add a row of table {} to this test", table.name);
            }
            db.close().await.unwrap();
        }
        files
    }
}

async fn run(file: &Path, sql: &str) {
    let mut db = snapshot::connect(file).await.unwrap();
    db.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
    db.close().await.unwrap();
}

/// Sum of each table.
async fn sums(file: &Path, schema: KnownSchema) -> Vec<(String, rows::Sum)> {
    let mut db = snapshot::connect(file).await.unwrap();
    let mut sums = Vec::new();
    for table in tables::read(&mut db, schema.record()).await.unwrap() {
        let sum = rows::sum(&table, &mut End { db: &mut db, schema: None }).await.unwrap();
        sums.push((table.name, sum));
    }
    db.close().await.unwrap();
    sums
}

fn named<'a>(identity: &'a Path, sessions: &'a Path) -> SqliteFiles<'a> {
    SqliteFiles { identity, sessions }
}

async fn database(server: &Postgres) -> (String, PostgresLogin) {
    let url = server.database().unwrap();
    let name = url.strip_prefix("postgres:///").unwrap().split('?').next().unwrap().to_owned();
    let login = PostgresLogin::trusted(url.parse().unwrap(), "postgres");
    SqlIdentityStore::migrate_postgres(&login).await.unwrap();
    SqlSessions::migrate_postgres(&login).await.unwrap();
    (name, login)
}

fn count_of(moved: &[Moved], table: &str) -> u64 {
    moved.iter().find(|moved| moved.table == table).unwrap().rows
}

async fn verified(store: &SqlIdentityStore) -> i64 {
    let mut walk = Walk::default();
    for row in store.audit_after(0, 100).await.unwrap() {
        walk.step(&row).unwrap();
    }
    assert_eq!(walk.reached().1, store.audit_head().await.unwrap().hash);
    walk.reached().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_there_and_back() {
    let server = Postgres::shared().unwrap();
    let (name, login) = database(&server).await;
    let files = Files::filled().await;
    let (identity, sessions) = (files.path("i"), files.path("s"));
    let there = to_postgres(named(&identity, &sessions), &login).await.unwrap();
    assert_eq!((count_of(&there, "identity.users"), count_of(&there, "session.history")), (2, 2501));
    assert_eq!(count_of(&there, "identity.audit_rows"), 5);
    let store = SqlIdentityStore::open_postgres(&login).await.unwrap();
    assert_eq!(verified(&store).await, 5);
    store.close().await;
    let quota = server.sql(&name, "SELECT month_quota FROM identity.users ORDER BY id").unwrap();
    assert_eq!(quota, "9007199254740993\n\n");

    let full = to_postgres(named(&identity, &sessions), &login).await;
    assert!(matches!(full, Err(TransferError::NotEmpty(table)) if table.starts_with("identity.")));

    let (identity_back, sessions_back) = (files.path("i2"), files.path("s2"));
    let back = to_sqlite(&login, named(&identity_back, &sessions_back), "main").await.unwrap();
    assert_eq!(back, there);
    let store = SqlIdentityStore::open_sqlite(&identity_back).await.unwrap();
    assert_eq!(verified(&store).await, 5);
    store.close().await;
    for (before, after, schema) in
        [(&identity, &identity_back, KnownSchema::Identity), (&sessions, &sessions_back, KnownSchema::Sessions)]
    {
        assert_eq!(sums(before, schema).await, sums(after, schema).await);
    }
    let again = to_sqlite(&login, named(&identity_back, &sessions_back), "main").await;
    assert!(matches!(again, Err(TransferError::Exists(ref file)) if *file == identity_back), "{again:?}");
    // The first file must not be created or migrated if the second one exists.
    let (fresh, foreign) = (files.path("i4"), files.path("s4"));
    std::fs::write(&foreign, "somebody's").unwrap();
    let refused = to_sqlite(&login, named(&fresh, &foreign), "main").await;
    assert!(matches!(refused, Err(TransferError::Exists(ref file)) if *file == foreign), "{refused:?}");
    assert!(!fresh.exists() && std::fs::read(&foreign).unwrap() == b"somebody's");
    let elsewhere = to_sqlite(&login, named(&files.path("i3"), &files.path("s3")), "berlin").await;
    assert!(matches!(elsewhere, Err(TransferError::OtherGateway(node)) if node == "main"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_leaves_nothing() {
    let server = Postgres::shared().unwrap();
    let (name, login) = database(&server).await;
    let files = Files::filled().await;
    let (identity, sessions) = (files.path("i"), files.path("s"));
    let count = || server.sql(&name, "SELECT COUNT(*) FROM identity.users").unwrap().trim().to_owned();

    // The last table of the last schema rejects the rows.
    server.sql(&name, "ALTER TABLE session.usage ADD CHECK (sessions > 1000)").unwrap();
    assert!(to_postgres(named(&identity, &sessions), &login).await.is_err());
    assert_eq!(count(), "0", "the identity schema must be rolled back, too");
    server.sql(&name, "ALTER TABLE session.usage DROP CONSTRAINT usage_sessions_check").unwrap();

    // The target accepts the row but stores another value.
    let change = "CREATE FUNCTION session.change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.country := ''xx''; RETURN NEW; END';
        CREATE TRIGGER change BEFORE INSERT ON session.exits FOR EACH ROW EXECUTE FUNCTION session.change()";
    server.sql(&name, change).unwrap();
    let differs = to_postgres(named(&identity, &sessions), &login).await;
    let Err(TransferError::Differs { table, sent: 1, arrived: 1 }) = differs else { panic!("{differs:?}") };
    assert_eq!((table.as_str(), count().as_str()), ("session.exits", "0"));
    server.sql(&name, "DROP TRIGGER change ON session.exits").unwrap();

    // A single row in the sessions schema is enough to refuse.
    server.sql(&name, "INSERT INTO session.turns VALUES ('x', 1)").unwrap();
    let full = to_postgres(named(&identity, &sessions), &login).await;
    assert!(matches!(full, Err(TransferError::NotEmpty(table)) if table == "session.turns"));
    assert_eq!(count(), "0");
    server.sql(&name, "DELETE FROM session.turns").unwrap();

    // A service is still running.
    server.sql(&name, "CREATE ROLE tornado_session LOGIN SUPERUSER").unwrap();
    let service = PostgresLogin::trusted(server.url(&name).parse().unwrap(), "tornado_session");
    let open = SqlSessions::open_postgres(&service).await.unwrap();
    assert!(open.live("main").await.unwrap().is_empty());
    let used = to_postgres(named(&identity, &sessions), &login).await;
    assert!(matches!(used, Err(TransferError::InUse(1))), "{used:?}");
    open.shut().await;
    to_postgres(named(&identity, &sessions), &login).await.unwrap();
    assert_eq!(count(), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_tables_is_told_what_it_lacks() {
    let server = Postgres::shared().unwrap();
    let login = PostgresLogin::trusted(server.database().unwrap().parse().unwrap(), "postgres");
    let files = Files::filled().await;
    let refused = to_postgres(named(&files.path("i"), &files.path("s")), &login).await;
    assert!(matches!(refused, Err(TransferError::Store(StoreError::SchemaMissing))), "{refused:?}");
}

/// The tables and columns read from SQLite are the same in PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_have_the_same_tables_and_columns() {
    let server: Arc<Postgres> = Postgres::shared().unwrap();
    let (name, _login) = database(&server).await;
    let files = Files::filled().await;
    for (file, schema) in [("i", KnownSchema::Identity), ("s", KnownSchema::Sessions)] {
        let mut db = snapshot::connect(&files.path(file)).await.unwrap();
        let mut here: Vec<String> = Vec::new();
        for table in tables::read(&mut db, schema.record()).await.unwrap() {
            here.extend(table.columns.iter().map(|(column, kind)| format!("{}.{column} {kind:?}", table.name)));
        }
        here.sort();
        let query = format!(
            "SELECT table_name || '.' || column_name || ' ' ||
                CASE data_type WHEN 'bigint' THEN 'Integer' WHEN 'text' THEN 'Text' WHEN 'bytea' THEN 'Blob' ELSE data_type END
             FROM information_schema.columns WHERE table_schema = '{}' AND table_name <> '{}'",
            schema.name(),
            schema.record()
        );
        let mut there: Vec<String> = server.sql(&name, &query).unwrap().lines().map(str::to_owned).collect();
        there.sort();
        assert_eq!(here, there);
        db.close().await.unwrap();
    }
}
