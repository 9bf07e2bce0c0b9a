//! Lanes of a connected tunnel: switches, reported states, new identities, and a lane that is temporarily rejected.

mod common;

use common::{Machine, Server};
use std::time::Duration;
use tornado_helper_api::{
    Connect, Helper as _, HelperError, Login, NoInput, ServiceError as _, SwitchLane, TunnelState,
};
use tornado_shared::api::{LaneState, path};
use tornado_shared::model::{Lane, Secret};

const DIRECT: Connect = Connect { lane: Lane::Direct };
const TO_TOR: SwitchLane = SwitchLane { lane: Lane::Tor };

#[tokio::test(start_paused = true)]
async fn a_lane_is_switched_only_within_a_session() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    assert_eq!(machine.client.switch_lane(TO_TOR).await.unwrap_err(), HelperError::NotConnected);
    assert_eq!(machine.client.new_identity(NoInput {}).await.unwrap_err(), HelperError::NotConnected);
    assert_eq!((server.count(path::INITIATE), server.count(path::NEW_IDENTITY)), (0, 0), "neither call connects");

    let first = machine.client.connect(DIRECT).await.unwrap();
    for lane in [Lane::Tor, Lane::Tor, Lane::Direct] {
        let status = machine.client.switch_lane(SwitchLane { lane }).await.unwrap();
        assert_eq!((status.state, status.lane, status.session), (TunnelState::Connected, Some(lane), first.session));
        assert_eq!(status.lane_state, Some(LaneState::Open));
        assert_eq!(machine.os.inside().links.len(), 1, "the old link is removed once the new one is up");
    }
    assert_eq!((server.count(path::INITIATE), server.count(path::LOGIN)), (1, 0), "session and login stay the same");

    // The switch to a lane that does not respond fails, and the tunnel stays on the old lane.
    machine.os.inside().silent = true;
    let refused = machine.client.switch_lane(TO_TOR).await.unwrap_err();
    assert_eq!(refused.code(), "no_handshake");
    assert!(refused.to_string().ends_with("traffic stays on the direct lane"), "{refused}");
    let status = machine.client.status(NoInput {}).await.unwrap();
    assert_eq!((status.state, status.lane), (TunnelState::Connected, Some(Lane::Direct)));
    machine.os.inside().silent = false;
    machine.client.disconnect(NoInput {}).await.unwrap();
    assert_eq!(machine.client.switch_lane(TO_TOR).await.unwrap_err(), HelperError::NotConnected);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_carries_nothing_is_reported() {
    let server = Server::start_paused().await;
    server.set(|s| s.tor = Some("closed"));
    let machine = Machine::enrolled(&server).await;
    let status = machine.client.connect(Connect { lane: Lane::Tor }).await.unwrap();
    assert_eq!((status.state, status.lane_state), (TunnelState::Connected, Some(LaneState::Closed)));
    // Each heartbeat queries the state again.
    server.set(|s| s.tor = Some("maintenance"));
    machine.until(|s| s.lane_state == Some(LaneState::Maintenance)).await;
    server.set(|s| s.tor = Some("open"));
    machine.until(|s| s.lane_state == Some(LaneState::Open)).await;
    // An unknown state is not shown as open, and does not end the tunnel.
    server.set(|s| s.tor = None);
    let status = machine.until(|s| s.lane_state.is_none()).await;
    assert_eq!((status.state, status.notice), (TunnelState::Connected, None));
    server.set(|s| s.tor = Some("open"));
    machine.until(|s| s.lane_state == Some(LaneState::Open)).await;
    server.set(|s| s.heartbeat = Some((503, "unavailable")));
    machine.until(|s| s.lane_state.is_none()).await;
    assert_eq!(machine.client.disconnect(NoInput {}).await.unwrap().lane_state, None);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_new_identity_changes_nothing() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    machine.client.connect(Connect { lane: Lane::Tor }).await.unwrap();
    assert_eq!(machine.client.new_identity(NoInput {}).await.unwrap().state, TunnelState::Connected);
    assert_eq!(server.count(path::NEW_IDENTITY), 1);
    server.set(|s| s.new_identity = Some((503, "data_plane_unavailable")));
    assert_eq!(machine.client.new_identity(NoInput {}).await.unwrap_err().code(), "data_plane_unavailable");
    server.set(|s| s.new_identity = Some((401, "token_expired")));
    assert_eq!(machine.client.new_identity(NoInput {}).await.unwrap_err().code(), "token_expired");
    assert_eq!(server.count(path::REAUTH), 1, "a fresh token was tried once");
    server.set(|s| s.new_identity = None);
    let status = machine.client.new_identity(NoInput {}).await.unwrap();
    assert_eq!((status.state, status.logged_in, status.notice), (TunnelState::Connected, true, None));
}

#[tokio::test(start_paused = true)]
async fn a_used_up_quota_delays_retries_until_a_login() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    server.set(|s| {
        s.heartbeat = Some((403, "quota_exceeded"));
        s.initiate = Some((403, "quota_exceeded", 20 * 86_400));
    });
    let status = machine.until(|s| s.lockdown && s.notice.is_some()).await;
    assert!(status.logged_in, "{status:?}");
    let reason = status.reason.unwrap();
    assert!(reason.contains("automatic retry") && !reason.contains("log in"), "{reason}");
    // One retry at once, then a long delay. Without `Retry-After` there would be four attempts in this time.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(server.count(path::INITIATE), 2);
    let error = machine.client.connect(DIRECT).await.unwrap_err();
    assert!(matches!(&error, HelperError::Refused { code, retry_after: Some(3600), .. } if code == "quota_exceeded"));

    server.set(|s| (s.heartbeat, s.initiate) = (None, None));
    let login = Login { server: None, username: None, password: Secret::new("a long password"), totp: None };
    machine.client.login(login).await.unwrap();
    machine.until(|s| s.state == TunnelState::Connected).await;
}

#[tokio::test(start_paused = true)]
async fn server_events_are_applied_without_a_heartbeat() {
    let server = Server::start_paused().await;
    server.set(|s| s.heartbeat_ttl = 3600);
    let machine = Machine::enrolled(&server).await;
    machine.client.connect(Connect { lane: Lane::Tor }).await.unwrap();
    let mut seen = machine.client.events().await.unwrap();
    let tell = |message: String| {
        let server = &server;
        async move {
            let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
            while server.inside.lock().unwrap().events.is_none() {
                assert!(tokio::time::Instant::now() < deadline, "the helper opened no event stream");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            server.inside.lock().unwrap().events.as_ref().unwrap().send(message).unwrap();
        }
    };
    let key = tornado_shared::model::PrivateKey::from_bytes([1; 32]).public_key();
    let lanes = serde_json::json!([{"lane": "tor", "state": "maintenance", "port": 51821, "server_pubkey": key}]);
    let state = serde_json::json!({"kind": "state", "host": "127.0.0.1", "lanes": lanes});
    tell(format!(": a comment\n\ndata: {state}\n\n")).await;
    let within = Duration::from_secs(5);
    let shut = async {
        while futures::StreamExt::next(&mut seen).await.unwrap().lane_state != Some(LaneState::Maintenance) {}
    };
    tokio::time::timeout(within, shut).await.unwrap();

    let heartbeats = server.count(path::HEARTBEAT);
    server.set(|s| s.heartbeat = Some((401, "revoked")));
    tell("data: {\"kind\":\"later\"}\n\ndata: {\"kind\":\"closed\",\"reason\":\"revoked\"}\n\n".into()).await;
    let ended = async { while !futures::StreamExt::next(&mut seen).await.unwrap().lockdown {} };
    tokio::time::timeout(within, ended).await.unwrap();
    assert_eq!(server.count(path::HEARTBEAT), heartbeats + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_is_restored_after_a_call_without_response() {
    let server = Server::start().await;
    let machine = Machine::enrolled(&server).await;
    machine.os.inside().call_timeout = Some(Duration::from_millis(200));
    let let_out = machine.os.inside().torn_down;
    // Several times in a row: the restored tunnel is watched too.
    for call in ["observe", "restore", "observe"] {
        machine.client.connect(DIRECT).await.unwrap();
        let mut seen = machine.client.events().await.unwrap();
        machine.os.inside().unanswered = Some(call);
        machine.os.disturb("the routing rules");
        let fell = async { while !futures::StreamExt::next(&mut seen).await.unwrap().lockdown {} };
        tokio::time::timeout(Duration::from_secs(15), fell).await.unwrap();
        machine.until(|s| s.state == TunnelState::Connected && !s.lockdown).await;
        assert_eq!(machine.os.inside().links.len(), 1, "{call}");
        assert_eq!(machine.os.inside().torn_down, let_out, "{call}: lockdown was never lifted");
    }
    assert_eq!(server.count(path::LOGIN), 0, "the login is the same");
}
