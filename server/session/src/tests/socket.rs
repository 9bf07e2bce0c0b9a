//! The service with its Unix socket, and `auth` and `wg` behind theirs.

use super::support::auth::FakeAuth;
use super::support::wg::FakeWg;
use super::support::world::token;
use crate::{Config, Wiring, run};
use futures::StreamExt as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_contracts::session::*;
use tornado_e2e_support::Scripted;
use tornado_rpc::{Fault, NoInput};
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{Context, Readiness, Roles};
use tornado_shared::model::*;
use tower::ServiceExt as _;

fn serve(context: &Context, name: ServiceName, router: axum::Router) {
    let (ready, readiness) = Readiness::new("");
    ready.ready();
    let context = Context { service: name, ..context.clone() };
    let server = context.server(router, readiness).unwrap();
    let stop = context.shutdown.clone();
    tokio::spawn(async move {
        server.serve(stop).await;
        drop(ready);
    });
}

async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_service_over_its_socket() {
    let dir = tempfile::tempdir().unwrap();
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(dir.path()).unwrap());
    let context = Context {
        service: ServiceName::Session,
        run_dir: dir.path().to_owned(),
        state_dir: dir.path().to_owned(),
        roles: Roles::default()
            .with(uid, ServiceName::Session)
            .with(uid, ServiceName::ClientApi)
            .with(uid, ServiceName::Admin),
        metrics: Metrics::default(),
        shutdown: CancellationToken::new(),
    };
    let (auth, wg) = (Arc::new(FakeAuth::new()), Arc::new(FakeWg::default()));
    serve(&context, ServiceName::Auth, tornado_contracts::auth::router(Arc::new(Scripted(auth.clone()))));
    serve(&context, ServiceName::Wg, tornado_contracts::wg::router(wg.clone()));
    let running = tokio::spawn(run(context.clone(), Config::default(), Wiring::default()));
    until(|| wg.0.lock().synced).await;

    let client = SessionsClient::new(context.channel(ServiceName::Session));
    let mut events = client.events().await.unwrap();
    let device = auth.device(UserId::random());
    let connect = Connect {
        access_token: device.token.clone(),
        public_key: device.key,
        client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        exported: false,
    };
    let connected = client.connect(connect.clone()).await.unwrap();
    assert_eq!(events.next().await.unwrap().kind, EventKind::Created);
    assert_eq!(client.heartbeat(token(&device)).await.unwrap().outcome, HeartbeatOutcome::Ok);
    wg.moves(device.key, 10, 0);

    // `wg` restarts without its peers; `lanes_faults` measures the time until they are back.
    wg.restart();
    until(|| wg.has(device.key)).await;

    assert_eq!(client.live(LiveQuery::default()).await.unwrap().len(), 1);
    let refused = client.history(HistoryQuery { user_id: None, limit: 501 }).await;
    assert!(matches!(refused, Err(SessionError::Fault(Fault::Malformed(_)))));
    assert_eq!(client.pool(NoInput {}).await.unwrap(), PoolStatus { leased: 1, quarantined: 0, total: 65_532 });
    assert_eq!(client.disconnect(token(&device)).await.unwrap().session_id, Some(connected.session_id));
    assert_eq!(events.next().await.unwrap().kind, EventKind::Closed(CloseReason::Disconnect));
    assert_eq!(client.heartbeat(token(&device)).await, Err(SessionError::SessionExpired));

    context.shutdown.cancel();
    running.await.unwrap().unwrap();
    assert!(events.next().await.is_none(), "the stream must end with the service");
}

#[tokio::test]
async fn events_are_for_auth_and_the_device_api_only() {
    let world = super::support::world::World::new().await;
    let roles =
        Roles::default().with(900, ServiceName::ClientApi).with(901, ServiceName::Admin).with(902, ServiceName::Auth);
    for (uid, status) in [(900, 200), (901, 403), (902, 200), (903, 403)] {
        let router = crate::api::router(&world.service, CancellationToken::new());
        let router = router.layer(axum::Extension(roles.caller(uid, None)));
        let request = axum::extract::Request::get("/v1/events").body(axum::body::Body::empty()).unwrap();
        assert_eq!(router.oneshot(request).await.unwrap().status(), status, "uid {uid}");
    }
}

#[tokio::test]
async fn a_slow_subscriber_is_cut_with_a_note_and_delays_no_publisher() {
    let world = super::support::world::World::new().await;
    let roles = Roles::default().with(901, ServiceName::Auth);
    let router = crate::api::router(&world.service, CancellationToken::new());
    let router = router.layer(axum::Extension(roles.caller(901, None)));
    let request = axum::extract::Request::get("/v1/events").body(axum::body::Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    for number in 0..2 * tornado_live::EVENT_BUFFER {
        world.service.core.live.store().publish(number.to_string().into()).await.unwrap();
    }
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.starts_with("{\"note\":") && text.ends_with("\n"), "{text}");
    assert_eq!(world.service.core.live.free_streams(), 64, "its slot must be free");
}
