//! Real servers with TLS, passwords and the roles of the installation.

use crate::identity::SqlIdentityStore;
use crate::roles::Roles;
use crate::{KnownSchema, PostgresLogin, StoreError, probe_postgres};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tornado_e2e_engines::{Authority, Postgres, PostgresOptions};

/// Over the network only with TLS and a password.
const HBA: &str = "local all postgres trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";

fn secret(dir: &Path, text: &str) -> std::path::PathBuf {
    let path = dir.join("password");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Returns why the login was rejected, and asserts that the failure was immediate.
async fn refused(url: &str, password: &Path) -> StoreError {
    let login = PostgresLogin::new(url.parse().unwrap(), "somebody", password).unwrap();
    let begun = Instant::now();
    let error = SqlIdentityStore::open_postgres(&login).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "a permanent error must not be retried: {error}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_checked_and_passwords_are() {
    let dir = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let tls = Some(authority.server("127.0.0.1").unwrap());
    let server = Postgres::start(&PostgresOptions { hba: Some(HBA.into()), tls }).unwrap();
    server.sql("postgres", "CREATE ROLE somebody LOGIN SUPERUSER PASSWORD 'it''s % a: secret'").unwrap();
    let trust = |name: &str, authority: &Authority| {
        let path = dir.path().join(name);
        std::fs::write(&path, authority.certificate()).unwrap();
        path.display().to_string()
    };
    let (ca, wrong_ca) = (trust("ca.pem", &authority), trust("other.pem", &other));
    let url = |host: &str, rest: &str| format!("postgres://{host}:{}/postgres?{rest}", server.port());
    let password = secret(dir.path(), "it's % a: secret\n");

    let good = url("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={ca}"));
    let login = PostgresLogin::new(good.parse().unwrap(), "somebody", &password).unwrap();
    SqlIdentityStore::migrate_postgres(&login).await.unwrap();
    let store = SqlIdentityStore::open_postgres(&login).await.unwrap();
    assert!(store.is_pristine().await.unwrap());
    let crossed = server.sql(
        "postgres",
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'somebody'",
    );
    assert_eq!(crossed.unwrap().trim(), "t", "the connection must use TLS");
    store.close().await;
    assert!(probe_postgres(&login, KnownSchema::Identity).await.unwrap().starts_with(|c: char| c.is_ascii_digit()));

    let error = refused(&url("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={wrong_ca}")), &password).await;
    assert!(matches!(error, StoreError::Untrusted(_)), "{error:?}");
    assert!(error.to_string().contains("sslrootcert") && error.to_string().contains("UnknownIssuer"), "{error}");
    // The authority is not trusted by default.
    let error = refused(&url("127.0.0.1", "sslmode=verify-full"), &password).await;
    assert!(matches!(error, StoreError::Untrusted(_)), "{error:?}");
    // Right authority, wrong host name.
    let error = refused(&url("localhost", &format!("sslmode=verify-full&sslrootcert={ca}")), &password).await;
    assert!(matches!(&error, StoreError::Untrusted(_)), "{error:?}");
    assert!(error.to_string().to_lowercase().contains("name"), "{error}");
    let error = refused(&url("127.0.0.1", "sslmode=verify-full&sslrootcert=/no/such/file"), &password).await;
    assert!(error.to_string().contains("No such file"), "{error}");

    let wrong = secret(dir.path(), "another");
    let error = refused(&good, &wrong).await;
    assert!(matches!(&error, StoreError::NotLetIn { role, .. } if role == "somebody"), "{error:?}");
    assert!(error.to_string().contains("password authentication failed"), "{error}");
    assert!(!error.to_string().contains("another"), "the error must not contain the password: {error}");
    let clear = refused(&url("127.0.0.1", "sslmode=disable"), &secret(dir.path(), "it's % a: secret")).await;
    assert!(matches!(clear, StoreError::NotLetIn { .. }), "{clear:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Declines TLS like a server without it (PostgreSQL manual, 55.2.10), and records what follows.
    let heard = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 8];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"N").unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        rest
    });
    let url = format!("postgres://127.0.0.1:{port}/x?sslmode=verify-full");
    let error = refused(&url, &secret(dir.path(), "secret")).await;
    assert!(matches!(error, StoreError::Untrusted(_)), "{error:?}");
    assert_eq!(heard.join().unwrap(), b"", "the client must send neither name nor password");
}

/// What the roles must not allow. That they allow what the services need is covered by the conformance checks, which
/// run with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_reads_nothing_of_anothers_and_makes_no_tables() {
    let roles = Roles::start().await;
    let (auth, session) = (roles.login("tornado_auth"), roles.login("tornado_session"));
    for (who, schema) in [(&auth, KnownSchema::Sessions), (&session, KnownSchema::Identity)] {
        let error = probe_postgres(who, schema).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
    }
    for service in [&auth, &session] {
        let error = SqlIdentityStore::migrate_postgres(service).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "a service must not create tables: {error}");
    }
    let nobody = PostgresLogin::trusted(roles.url(), "tornado_auth");
    let error = SqlIdentityStore::open_postgres(&nobody).await.unwrap_err();
    assert!(!error.to_string().is_empty() && !matches!(error, StoreError::Late), "{error:?}");
}
