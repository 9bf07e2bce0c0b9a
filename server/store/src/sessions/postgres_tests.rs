//! The conformance checks on PostgreSQL, and tests with concurrent writers.

use super::conformance::{self, NODE};
use super::{OpenSession, Opened, SqlSessions};
use crate::PostgresLogin;
use crate::roles::Roles;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tornado_e2e_engines::{Postgres, PostgresOptions};
use tornado_shared::model::{CloseReason, DeviceId, SessionId, Slot, UserId};

async fn empty(server: &Postgres) -> SqlSessions {
    let login = PostgresLogin::trusted(server.database().unwrap().parse().unwrap(), "postgres");
    SqlSessions::migrate_postgres(&login).await.unwrap();
    SqlSessions::open_postgres(&login).await.unwrap()
}

macro_rules! conform {
    ($($check:ident),+ $(,)?) => {
        /// Runs all checks on one server with the service's own role, each in its own database.
        #[tokio::test]
        async fn postgres_conforms() {
            let roles = Roles::start().await;
            $(
                let store = SqlSessions::open_postgres(&roles.login("tornado_session")).await.unwrap();
                conformance::$check(&store).await;
                store.shut().await;
            )+
        }
    };
}

conformance::for_each!(conform);

/// Connects, closes and new isolation numbers, concurrently from two pools, as from two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_connects_get_different_slots_and_numbers() {
    let server = Postgres::shared().unwrap();
    let login = PostgresLogin::trusted(server.database().unwrap().parse().unwrap(), "postgres");
    SqlSessions::migrate_postgres(&login).await.unwrap();
    let stores = [SqlSessions::open_postgres(&login).await.unwrap(), SqlSessions::open_postgres(&login).await.unwrap()];
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..80 {
        let store = stores[number % 2].clone();
        tasks.spawn(async move {
            let wide = (Slot(2), Slot(100));
            let mut input =
                OpenSession { slots: wide, ..conformance::open(UserId::random(), DeviceId::random(), 1000) };
            for round in 0..3 {
                input.session_id = SessionId::random();
                input.public_key = tornado_shared::model::PrivateKey::random().public_key();
                let Opened::New { row, .. } = store.open(&input).await.unwrap() else { panic!("must open") };
                assert!(store.renew_isolation(row.session_id).await.unwrap().is_some());
                if round < 2 {
                    let close = conformance::close(row.session_id, CloseReason::Disconnect, 1000);
                    assert!(store.close(&close).await.unwrap());
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let live = stores[0].live(NODE).await.unwrap();
    let mut slots: Vec<_> = live.iter().map(|row| row.slot.0).collect();
    slots.sort_unstable();
    assert_eq!(slots, (2..82).collect::<Vec<_>>());
    let numbers: std::collections::HashSet<_> = live.iter().map(|row| row.isolation).collect();
    assert_eq!(numbers.len(), 80);
    assert_eq!(stores[0].history(None, 500).await.unwrap().len(), 240);
}

/// Devices of an account with one device slot connect on several gateways at once: exactly one succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_slot_of_an_account_goes_to_one_device() {
    let server = Postgres::shared().unwrap();
    let store = empty(&server).await;
    for _ in 0..10 {
        let user = UserId::random();
        let mut tasks = tokio::task::JoinSet::new();
        for node in ["a", "b", "c", "d"] {
            let store = store.clone();
            tasks.spawn(async move {
                let one = conformance::open(user, DeviceId::random(), 1000);
                let slots = (Slot(2), Slot(1000));
                store.open(&OpenSession { node_id: node.into(), max_devices: 1, slots, ..one }).await.unwrap()
            });
        }
        let mut opened = 0;
        while let Some(done) = tasks.join_next().await {
            let outcome = done.unwrap();
            let new = matches!(outcome, Opened::New { .. });
            opened += usize::from(new);
            assert!(new || outcome == Opened::MaxDevices, "{outcome:?}");
        }
        assert_eq!(opened, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_or_dies_is_known_soon_and_comes_back() {
    let server = Arc::new(Postgres::start(&PostgresOptions::default()).unwrap());
    let store = empty(&server).await.with_deadline();
    let connect = || conformance::open(UserId::random(), DeviceId::random(), 1000);
    let Opened::New { row, .. } = store.open(&connect()).await.unwrap() else { panic!("must open") };
    server.freeze().unwrap();
    let begun = Instant::now();
    assert!(store.open(&connect()).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    server.thaw().unwrap();
    assert_eq!(store.live(NODE).await.unwrap()[0].session_id, row.session_id);
    server.kill();
    let begun = Instant::now();
    assert!(store.open(&connect()).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    server.restart().unwrap();
    assert!(matches!(store.open(&connect()).await.unwrap(), Opened::New { .. }));
    assert_eq!(store.live(NODE).await.unwrap().len(), 2);
}

/// A crowd that waits for a server must get connections once the server is up. If all callers waited in the pool, none
/// would have enough time left for a handshake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_gets_connections_however_long_they_take() {
    const HANDSHAKE: Duration = Duration::from_secs(1);
    let server = Postgres::shared().unwrap();
    let direct = server.database().unwrap();
    let login = PostgresLogin::trusted(direct.parse().unwrap(), "postgres");
    SqlSessions::migrate_postgres(&login).await.unwrap();
    // A slow proxy in front of the server.
    let dir = tempfile::tempdir().unwrap();
    let url = url::Url::parse(&direct).unwrap();
    let of = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let socket = format!(".s.PGSQL.{}", of("port"));
    let real = std::path::Path::new(&of("host")).join(&socket);
    let listener = tokio::net::UnixListener::bind(dir.path().join(&socket)).unwrap();
    let slow = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let delay = slow.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (real, delay) = (real.clone(), delay.clone());
            tokio::spawn(async move {
                let millis = delay.load(std::sync::atomic::Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(millis)).await;
                let mut far = tokio::net::UnixStream::connect(real).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
            });
        }
    });
    let path = url.path();
    let slowly = format!("postgres://{path}?host={}&port={}", dir.path().display(), of("port"));
    let login = PostgresLogin::trusted(slowly.parse().unwrap(), "postgres");
    let store = SqlSessions::open_postgres(&login).await.unwrap().with_deadline();
    // At first it does not respond at all.
    slow.store(60_000, std::sync::atomic::Ordering::SeqCst);
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..400 {
        let store = store.clone();
        crowd.spawn(async move {
            while store.exit(DeviceId::random()).await.is_err() {
                // Spreads the attempts over time.
                tokio::time::sleep(Duration::from_millis(number * 37 % 3_000)).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    slow.store(u64::try_from(HANDSHAKE.as_millis()).unwrap(), std::sync::atomic::Ordering::SeqCst);
    let all = async { while crowd.join_next().await.is_some() {} };
    assert!(tokio::time::timeout(Duration::from_secs(20), all).await.is_ok(), "{} callers still wait", crowd.len());
}
