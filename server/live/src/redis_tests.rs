//! Conformance of the Redis store, and its behaviour when the server hangs, dies and loses data.

use crate::{Events, LiveError, LiveFacts, LiveStore, RedisLogin, RedisStore, conformance, probe_redis};
use std::path::Path;
use std::time::{Duration, Instant};
use tornado_e2e_engines::{Authority, Redis, RedisOptions};
use tornado_shared::model::SessionId;
use zeroize::Zeroizing;

/// The ACL file of the installation with a password, and an administrator who may flush the server between checks.
fn with_acl() -> RedisOptions {
    let users = include_str!("../../../installers/redis/users.acl").replace("resetpass", ">a&secret");
    RedisOptions { acl: Some(format!("{users}user admin on >admin ~* &* +@all\n")), tls: None }
}

fn login(url: &str, password: Option<&str>, ca: Option<&Path>) -> RedisLogin {
    let password = password.map(|password| Zeroizing::new(password.to_owned()));
    RedisLogin::new(&url.parse().unwrap(), "tornado_session", password.as_ref(), ca).unwrap()
}

fn store(server: &Redis) -> RedisStore {
    RedisStore::new(login(&server.url(), Some("a&secret"), None))
}

macro_rules! conform {
    ($($check:ident),+ $(,)?) => {
        /// Runs all checks against one server as the service's own user. The server is flushed before each check.
        #[tokio::test]
        async fn redis_conforms() {
            let server = Redis::start(&with_acl()).unwrap();
            $(
                server.flush().unwrap();
                conformance::$check(&store(&server)).await;
            )+
        }
    };
}

conform!(
    facts_round_trip,
    late_news_changes_nothing_newer,
    a_late_update_does_not_restore_a_session,
    forgetting_twice_is_no_error,
    a_sign_of_life,
    every_subscriber_hears_every_event_in_order,
    a_slow_subscriber_is_cut_and_told,
);

#[track_caller]
fn hears<'a>(events: &'a mut Events, line: &'a str) -> impl Future<Output = ()> + 'a {
    let at = std::panic::Location::caller();
    async move {
        let heard = tokio::time::timeout(Duration::from_secs(5), events.next()).await;
        assert_eq!(heard.unwrap_or_else(|_| panic!("no event at {at}")).as_deref(), Some(line));
    }
}

#[tokio::test]
async fn the_settings_of_the_redis_server_are_not_changed() {
    const SETTINGS: &str = "notify-keyspace-events maxmemory maxmemory-policy save appendonly timeout dir";
    let server = Redis::start(&RedisOptions::default()).unwrap();
    // Another program's setting for keyspace events, and settings that clients often change. The response to `CONFIG
    // GET *` is too long.
    server.command("CONFIG SET notify-keyspace-events Kx").unwrap();
    // Redis returns settings in arbitrary order.
    let settings = || {
        let text = server.command(&format!("CONFIG GET {SETTINGS}")).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let before = settings();
    // A server with its default settings: no users and no passwords.
    let store = RedisStore::new(login(&server.url(), None, None));
    let mut events = store.subscribe().await.unwrap();
    let session = SessionId::random();
    store.open(session, LiveFacts::default()).await.unwrap();
    assert!(store.update(session, LiveFacts::default()).await.unwrap());
    store.publish("1".into()).await.unwrap();
    hears(&mut events, "1").await;
    store.forget(session).await.unwrap();
    assert_eq!(settings(), before);
    assert!(before.iter().any(|line| line == "notify-keyspace-events"));
}

#[tokio::test]
async fn every_node_hears_every_event_once() {
    let server = Redis::start(&with_acl()).unwrap();
    let nodes = [store(&server), store(&server)];
    let mut here = nodes[0].subscribe().await.unwrap();
    let mut there = nodes[1].subscribe().await.unwrap();
    nodes[0].publish("1".into()).await.unwrap();
    hears(&mut here, "1").await;
    hears(&mut there, "1").await;
    nodes[1].publish("2".into()).await.unwrap();
    hears(&mut here, "2").await;
    hears(&mut there, "2").await;
    // The server loses everything, including the stream that is being read. The next event must arrive even if it gets
    // the id of a lost event, which happens within one millisecond.
    for line in ["3", "4", "5", "6"] {
        server.flush().unwrap();
        nodes[0].publish(line.into()).await.unwrap();
        hears(&mut here, line).await;
        hears(&mut there, line).await;
    }
}

#[tokio::test]
async fn a_server_that_hangs_dies_or_forgets_holds_nobody() {
    let server = Redis::start(&with_acl()).unwrap();
    let nodes = [store(&server), store(&server)];
    let session = SessionId::random();
    let facts = LiveFacts { last_heartbeat: 100, ..LiveFacts::default() };
    nodes[0].open(session, facts).await.unwrap();
    let mut here = nodes[0].subscribe().await.unwrap();
    let mut there = nodes[1].subscribe().await.unwrap();

    server.freeze().unwrap();
    let begun = Instant::now();
    for _ in 0..100 {
        assert!(nodes[0].update(session, facts).await.is_err());
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "each call waited: {:?}", begun.elapsed());
    assert!(nodes[0].publish("frozen".into()).await.is_err());
    hears(&mut here, "frozen").await;
    server.thaw().unwrap();
    back(&nodes[0], session).await;
    assert_eq!(nodes[0].get(session).await.unwrap(), Some(facts));

    server.kill();
    assert!(nodes[0].update(session, facts).await.is_err());
    assert!(nodes[1].subscribe().await.is_ok(), "without Redis, events of this node must still arrive");
    server.restart().unwrap();
    assert!(!back(&nodes[0], session).await, "Redis lost the session; the caller opens it again");
    nodes[0].open(session, facts).await.unwrap();
    assert_eq!(nodes[1].get(session).await.unwrap(), Some(facts));
    nodes[0].publish("after".into()).await.unwrap();
    hears(&mut here, "after").await;
    // Redis may have executed the command after it was thawed.
    loop {
        let heard = tokio::time::timeout(Duration::from_secs(5), there.next()).await.unwrap().unwrap();
        if heard.as_ref() == "after" {
            break;
        }
        assert_eq!(heard.as_ref(), "frozen");
    }
}

async fn back(node: &RedisStore, session: SessionId) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(known) = node.update(session, LiveFacts::default()).await {
            return known;
        }
        assert!(Instant::now() < until, "the store did not reconnect");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Returns why the login was rejected, and asserts that the failure was immediate.
async fn refused(login: RedisLogin) -> String {
    let begun = Instant::now();
    let LiveError::Unavailable(why) = probe_redis(&login).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(4), "{why}");
    let store = RedisStore::new(login);
    assert!(store.open(SessionId::random(), LiveFacts::default()).await.is_err());
    why
}

#[tokio::test]
async fn tls_is_checked_and_passwords_are() {
    // The default provider of the process, as installed by `tornadod`.
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let trust = |name: &str, authority: &Authority| {
        let path = dir.path().join(name);
        std::fs::write(&path, authority.certificate()).unwrap();
        path
    };
    let (ca, wrong_ca) = (trust("ca.pem", &authority), trust("other.pem", &other));
    let tls = Some(authority.server("127.0.0.1").unwrap());
    let server = Redis::start(&RedisOptions { tls, ..with_acl() }).unwrap();
    let url = format!("rediss://127.0.0.1:{}", server.port());

    let good = login(&url, Some("a&secret"), Some(&ca));
    assert!(probe_redis(&good).await.unwrap().starts_with(|c: char| c.is_ascii_digit()));
    let nodes = [RedisStore::new(good.clone()), RedisStore::new(good)];
    let session = SessionId::random();
    nodes[0].open(session, LiveFacts { last_heartbeat: 7, ..LiveFacts::default() }).await.unwrap();
    assert_eq!(nodes[1].get(session).await.unwrap().unwrap().last_heartbeat, 7);
    let mut there = nodes[1].subscribe().await.unwrap();
    nodes[0].publish("sealed".into()).await.unwrap();
    hears(&mut there, "sealed").await;

    let why = refused(login(&url, Some("a&secret"), Some(&wrong_ca))).await;
    assert!(why.contains("UnknownIssuer") && why.contains("[live] ca"), "{why}");
    let why = refused(login(&url, Some("a&secret"), None)).await;
    assert!(why.contains("UnknownIssuer"), "the authority must not be trusted by default: {why}");
    let wrong_name = url.replace("127.0.0.1", "localhost");
    let why = refused(login(&wrong_name, Some("a&secret"), Some(&ca))).await;
    assert!(why.to_lowercase().contains("name"), "right authority, wrong host name: {why}");
    let why = refused(login(&url, Some("another"), Some(&ca))).await;
    assert!(why.contains("authentication failed") && why.contains("tornado_session"), "{why}");
    assert!(!why.contains("another"), "the error must not contain the password: {why}");
    let why = refused(login(&url, None, Some(&ca))).await;
    assert!(why.contains("NOAUTH"), "{why}");
    // Without TLS on a TLS port, the client must fail and must not hang.
    let why = refused(login(&url.replace("rediss", "redis"), Some("a&secret"), None)).await;
    assert!(!why.is_empty());
    let missing = RedisLogin::new(&url.parse().unwrap(), "x", None, Some(Path::new("/no/such/file")));
    assert!(missing.unwrap_err().to_string().contains("/no/such/file"));
}

/// The ACL denies everything else. That it allows what the service needs is covered by the conformance checks, which
/// run as this user.
#[tokio::test]
async fn the_services_user_has_its_own_keys_and_commands_only() {
    let server = Redis::start(&with_acl()).unwrap();
    let as_session =
        |words: &str| server.commands(&["AUTH tornado_session a&secret", words]).unwrap().pop().unwrap_or_default();
    assert!(as_session("HGETALL v1:session:x").starts_with('*'));
    for words in [
        "GET other",
        "HGETALL v1:other",
        "HSET v1:other a b",
        "DEL v1:eventsx",
        "FLUSHALL",
        "FLUSHDB",
        "CONFIG GET *",
        "KEYS *",
        "SCAN 0",
        "ACL LIST",
        "ACL SETUSER tornado_session +@all",
        "BGSAVE",
        "SHUTDOWN",
        "MONITOR",
        "CLIENT LIST",
        "SUBSCRIBE x",
        "EVAL return 0",
        "REPLICAOF h 1",
        "MODULE LIST",
        "SAVE",
        "INFO",
    ] {
        assert!(as_session(words).contains("NOPERM"), "{words}: {}", as_session(words));
    }
    // A script must not have additional rights.
    let script = "SCRIPT LOAD 'return redis.call(\"GET\",KEYS[1])'";
    let sha = as_session(script).trim_start_matches(|c: char| c != '\n').trim().to_owned();
    assert!(as_session(&format!("EVALSHA {sha} 1 other")).to_uppercase().contains("NOPERM"));
    assert!(server.command("HGETALL v1:session:x").unwrap().contains("NOAUTH"), "commands must require a login");
}
