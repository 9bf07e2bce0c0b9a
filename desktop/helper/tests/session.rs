//! Logins and sessions against a fake device API.

mod common;

use common::{Machine, Server};
use std::time::Duration;
use tornado_helper_api::{
    Connect, ControlPlane, Helper as _, HelperError, Login, NoInput, ServiceError as _, SwitchLane, TunnelState,
};
use tornado_shared::api::path;
use tornado_shared::model::{Lane, Secret};
use tornado_tunnel::plan::Slot;

const DIRECT: Connect = Connect { lane: Lane::Direct };

fn good() -> Login {
    Login { server: None, username: None, password: Secret::new("a long password"), totp: None }
}

#[tokio::test(start_paused = true)]
async fn a_session_lives_from_connect_to_disconnect() {
    let server = Server::start_paused().await;
    let mut machine = Machine::enrolled(&server).await;
    let status = machine.client.connect(DIRECT).await.unwrap();
    assert_eq!((status.state, status.lane), (TunnelState::Connected, Some(Lane::Direct)));
    assert!(status.handshake_seen && status.preshared && status.session.is_some());
    assert_eq!(status.addresses, ["10.8.0.2".parse::<std::net::IpAddr>().unwrap(), "fd78::2".parse().unwrap()]);
    // Both ends derive the same preshared key from this login. Here: each lane has its own key.
    let keys = machine.os.inside().links[&Slot::A].clone();
    let status = machine.client.connect(Connect { lane: Lane::Tor }).await.unwrap();
    assert_eq!((status.state, status.lane), (TunnelState::Connected, Some(Lane::Tor)));
    let other = machine.os.inside().links[&Slot::B].clone();
    assert!(keys.lane.preshared_key.is_some() && keys.lane.preshared_key != other.lane.preshared_key);
    assert_eq!(server.count(path::INITIATE), 1, "switching needs no new session");

    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(server.count(path::HEARTBEAT) >= 2);
    let status = machine.client.disconnect(NoInput {}).await.unwrap();
    assert_eq!((status.state, status.notice), (TunnelState::Disconnected, None));
    assert_eq!(server.count(path::DISCONNECT), 1);
    assert!(machine.os.inside().links.is_empty());

    // Each session has its own key, and no key is stored.
    machine.client.connect(DIRECT).await.unwrap();
    let keys = server.inside.lock().unwrap().keys.clone();
    assert_ne!(keys[0], keys[1]);
    let stored = std::fs::read_to_string(machine.state_file()).unwrap();
    let private = machine.os.inside().links[&Slot::A].private_key.expose_base64();
    assert!(!stored.contains(&private), "the private key is only in memory");
    machine.stop().await;
    assert!(machine.os.inside().links.is_empty() && machine.os.inside().routing.is_none());
    assert_eq!(server.count(path::DISCONNECT), 2, "a stopping helper closes its session");
}

#[tokio::test(start_paused = true)]
async fn network_errors_end_neither_tunnel_nor_login() {
    let server = Server::start_paused().await;
    let mut machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    for trouble in [(503, "unavailable"), (429, "too_many_attempts"), (500, "internal")] {
        server.set(|s| s.heartbeat = Some(trouble));
        let status = machine.until(|s| s.control == ControlPlane::Unreachable).await;
        assert_eq!((status.state, status.logged_in), (TunnelState::Connected, true));
        server.set(|s| s.heartbeat = None);
        let status = machine.until(|s| s.control == ControlPlane::Reachable).await;
        assert_eq!(status.notice, None, "a resolved problem is not shown");
    }
    // The server is gone completely, also when the helper starts.
    server.task.abort();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let status = machine.client.status(NoInput {}).await.unwrap();
    assert_eq!((status.state, status.logged_in), (TunnelState::Connected, true));
    let begun = tokio::time::Instant::now();
    let status = machine.client.disconnect(NoInput {}).await.unwrap();
    assert_eq!(status.state, TunnelState::Disconnected, "disconnected although the server is unreachable");
    assert!(begun.elapsed() < Duration::from_secs(8));
    machine.stop().await;
    machine.start().await;
    assert!(machine.client.status(NoInput {}).await.unwrap().logged_in);
    let refused = machine.client.connect(DIRECT).await.unwrap_err();
    assert!(matches!(refused, HelperError::Unreachable { .. }), "{refused:?}");
    assert!(machine.client.status(NoInput {}).await.unwrap().logged_in);
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_is_created_again_with_the_same_keys() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    let first = machine.client.connect(DIRECT).await.unwrap();
    server.set(|s| (s.heartbeat, s.address) = (Some((400, "session_expired")), 7));
    let second = machine.until(|s| s.session.is_some() && s.session != first.session).await;
    assert_eq!(second.state, TunnelState::Connected);
    let status = machine.until(|s| s.addresses.first() == Some(&"10.8.0.7".parse().unwrap())).await;
    assert_eq!(status.state, TunnelState::Connected);
    let keys = server.inside.lock().unwrap().keys.clone();
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_the_server_ended_blocks_traffic() {
    let server = Server::start_paused().await;
    let mut machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    server.set(|s| s.heartbeat = Some((401, "revoked")));
    let status = machine.until(|s| s.lockdown && !s.logged_in).await;
    assert_eq!((status.state, status.session), (TunnelState::Blocked, None));
    assert!(status.reason.as_deref().is_some_and(|reason| reason.contains("the server ended")), "{status:?}");
    assert_eq!(status.notice.unwrap().code, "revoked");
    assert!(machine.os.inside().links.is_empty() && machine.os.inside().routing.is_some());
    assert_eq!(machine.client.connect(DIRECT).await.unwrap_err(), HelperError::NotLoggedIn);
    // Neither a failed connect nor a restart lets traffic out.
    assert!(machine.client.status(NoInput {}).await.unwrap().lockdown);
    machine.stop().await;
    machine.start().await;
    let status = machine.until(|s| s.lockdown).await;
    assert!(status.reason.as_deref().is_some_and(|reason| reason.contains("not logged in")), "{status:?}");
    // A login does not let traffic out either: the desired tunnel is restored automatically.
    server.set(|s| s.heartbeat = None);
    machine.client.login(good()).await.unwrap();
    let status = machine.until(|s| s.state == TunnelState::Connected).await;
    assert_eq!((status.lane, status.lockdown), (Some(Lane::Direct), false));

    server.set(|s| s.heartbeat = Some((401, "revoked")));
    machine.until(|s| s.lockdown && !s.logged_in).await;
    let status = machine.client.disconnect(NoInput {}).await.unwrap();
    assert_eq!((status.state, status.lockdown), (TunnelState::Disconnected, false), "a disconnect lifts the lockdown");
    assert!(machine.os.inside().routing.is_none());
    machine.stop().await;
    machine.start().await;
    assert_eq!(machine.client.status(NoInput {}).await.unwrap().state, TunnelState::Disconnected);
}

/// Another call than the heartbeat gets the rejection first. After that, no call is sent without a token, and no
/// traffic leaves.
#[tokio::test(start_paused = true)]
async fn traffic_stays_blocked_whichever_call_ends_the_login() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    server.set(|s| {
        s.new_identity = Some((401, "token_expired"));
        s.refresh = Some((401, "token_revoked_reuse_detected"));
    });
    let error = machine.client.new_identity(NoInput {}).await.unwrap_err();
    assert_eq!(error.code(), "token_revoked_reuse_detected");
    let status = machine.until(|s| s.lockdown && !s.logged_in).await;
    assert!(status.reason.as_deref().is_some_and(|reason| reason.contains("log in again")), "{status:?}");
    assert_eq!((status.state, status.notice.unwrap().code.as_str()), (TunnelState::Blocked, "revoked"));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_server_rejects_blocks_traffic() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    server.set(|s| s.heartbeat = Some((409, "max_devices_exceeded")));
    let status = machine.until(|s| s.lockdown).await;
    assert!(status.logged_in && status.state == TunnelState::Blocked, "{status:?}");
    server.set(|s| s.heartbeat = None);
    machine.until(|s| s.state == TunnelState::Connected).await;
}

#[tokio::test(start_paused = true)]
async fn tokens_are_refreshed_early_and_stored_before_use() {
    let server = Server::start_paused().await;
    server.set(|s| s.access_lifetime = 60);
    let mut machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    machine.until(|_| server.count(path::REAUTH) >= 2).await;
    assert_eq!(machine.client.status(NoInput {}).await.unwrap().state, TunnelState::Connected);
    machine.stop().await;
    machine.start().await;
    server.set(|s| s.access_lifetime = 900);
    // If an old refresh token had been stored, the server would report its reuse.
    assert_eq!(machine.client.connect(DIRECT).await.unwrap().state, TunnelState::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_without_response_is_repeated_even_after_a_restart() {
    let server = Server::start_paused().await;
    server.set(|s| s.access_lifetime = 60);
    let mut machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    server.set(|s| s.lost_refreshes = 1);
    let before = server.count(path::REAUTH);
    machine.until(|_| server.count(path::REAUTH) > before).await;
    machine.stop().await;
    machine.start().await;
    server.set(|s| s.access_lifetime = 900);
    assert_eq!(machine.client.connect(DIRECT).await.unwrap().state, TunnelState::Connected);
    assert!(server.count(path::REAUTH) >= before + 2, "the refresh was repeated and not reported as reuse");
    assert!(machine.client.status(NoInput {}).await.unwrap().logged_in);
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_and_wrong_servers_change_nothing() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    let wrong = Login { password: Secret::new("not the password"), ..good() };
    let refused = machine.client.login(wrong).await.unwrap_err();
    assert_eq!(refused.code(), "invalid_credentials");
    let status = machine.client.status(NoInput {}).await.unwrap();
    assert_eq!((status.logged_in, status.state), (true, TunnelState::Connected));
    // Another server at the server's address does not receive the password.
    let thief = Server::start_paused().await;
    let elsewhere = Login { server: Some(thief.address.clone()), ..good() };
    let refused = machine.client.login(elsewhere).await.unwrap_err();
    assert!(matches!(refused, HelperError::Untrusted(_)), "{refused:?}");
    assert_eq!(thief.count(path::LOGIN), 0);
    // The same identity with a new TLS key at another address is accepted.
    let moved = Server::start_as(server.identity.clone(), "127.0.0.1:0").await;
    let elsewhere = Login { server: Some(moved.address.clone()), ..good() };
    let status = machine.client.login(elsewhere).await.unwrap();
    assert_eq!(status.server, Some(moved.address.clone()));
    assert_eq!(server.count(path::DISCONNECT), 1);
    // A tunnel is still desired, so it comes up at the new address.
    machine.until(|s| s.state == TunnelState::Connected).await;
    assert_eq!(moved.count(path::INITIATE), 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_while_a_tunnel_is_up_does_not_leak() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    let before = machine.os.inside().torn_down;
    let status = machine.client.login(good()).await.unwrap();
    assert!(status.logged_in && status.state != TunnelState::Disconnected, "{status:?}");
    let status = machine.until(|s| s.state == TunnelState::Connected).await;
    assert_eq!((status.lane, status.lockdown), (Some(Lane::Direct), false));
    assert_eq!(machine.os.inside().torn_down, before, "the routes were never removed in between");
}

/// The server's TLS key is rotated while devices are connected: the pinned identity signed the new one.
#[tokio::test(start_paused = true)]
async fn a_new_certificate_ends_neither_tunnel_nor_login() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    let before = machine.client.connect(DIRECT).await.unwrap();
    let serial = server.inside.lock().unwrap().serial;
    server.task.abort();
    let Server { identity, spki, address, task, .. } = server;
    assert!(task.await.is_err());
    let renewed = Server::start_as(identity, &address).await;
    assert_ne!(renewed.spki, spki);
    renewed.set(|s| s.serial = serial);
    // Before any heartbeat: the call itself detects the new key, verifies it with the identity, and succeeds.
    assert_eq!(machine.client.new_identity(NoInput {}).await.unwrap().session, before.session);
    let after =
        machine.until(|status| status.control == ControlPlane::Reachable && renewed_was_queried(&renewed)).await;
    assert_eq!((after.state, after.session, after.logged_in), (TunnelState::Connected, before.session, true));
    assert_eq!(
        renewed.count(path::LOGIN) + renewed.count(path::INITIATE),
        0,
        "neither login nor session was created again"
    );
    assert_eq!(machine.client.switch_lane(SwitchLane { lane: Lane::Tor }).await.unwrap().lane, Some(Lane::Tor));
}

fn renewed_was_queried(server: &Server) -> bool {
    server.count(path::HEARTBEAT) >= 2
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_without_preshared_keys_is_a_downgrade() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    server.set(|s| s.preshared = false);
    let refused = machine.client.connect(DIRECT).await.unwrap_err();
    assert!(matches!(refused, HelperError::Untrusted(_)), "{refused:?}");
    assert!(machine.os.inside().links.is_empty());
    assert_eq!(server.count(path::DISCONNECT), 1);
}

#[tokio::test(start_paused = true)]
async fn a_missing_handshake_is_reported_and_undone() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    machine.os.inside().silent = true;
    let refused = machine.client.connect(DIRECT).await.unwrap_err();
    assert_eq!(refused.code(), "no_handshake");
    assert!(machine.os.inside().links.is_empty());
    assert_eq!(server.count(path::DISCONNECT), 1, "slot and addresses are freed at once");
    machine.os.inside().silent = false;
    let status = machine.client.connect(DIRECT).await.unwrap();
    assert_eq!((status.state, status.notice), (TunnelState::Connected, None));
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_supersedes_a_connect() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    machine.os.inside().silent = true;
    let client = machine.client.clone();
    let connect = tokio::spawn(async move { client.connect(DIRECT).await });
    machine.until(|s| s.state == TunnelState::Connecting).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(machine.client.disconnect(NoInput {}).await.unwrap().state, TunnelState::Disconnected);
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert!(connect.await.unwrap().is_err());
    assert!(machine.os.inside().links.is_empty());
}

#[tokio::test(start_paused = true)]
async fn logging_out_ends_the_login_and_keeps_the_server() {
    let server = Server::start_paused().await;
    let machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    let status = machine.client.logout(NoInput {}).await.unwrap();
    assert_eq!((status.state, status.logged_in, status.notice), (TunnelState::Disconnected, false, None));
    assert_eq!((server.count(path::LOGOUT), server.count(path::DISCONNECT)), (1, 1));
    assert_eq!(status.server, Some(server.address.clone()));
    assert!(!std::fs::read_to_string(machine.state_file()).unwrap().contains("refresh1"));
    machine.client.login(good()).await.unwrap();
}

/// Sixty days of one session, with the nights as leaps of time. Wake-ups without work are counted apart from the
/// keeper.
#[tokio::test(start_paused = true)]
async fn heartbeats_keep_a_steady_rate_for_sixty_days() {
    const HOUR: Duration = Duration::from_secs(3600);
    let server = Server::start().await;
    tornado_e2e_support::small_steps(Duration::from_millis(100));
    server.set(|s| (s.heartbeat_ttl, s.access_lifetime) = (90, 86_400));
    let machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    let beats = server.count(path::HEARTBEAT);
    tokio::time::sleep(HOUR).await;
    let beats = server.count(path::HEARTBEAT) - beats;
    assert!((80..=90).contains(&beats), "one heartbeat every 45 s, up to a tenth earlier: {beats}");
    for night in 0..60 {
        let before = server.calls();
        tokio::time::advance(23 * HOUR).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let calls = server.calls() - before;
        assert!((1..=8).contains(&calls), "night {night}: {calls} calls");
    }
    let status = machine.client.status(NoInput {}).await.unwrap();
    assert_eq!((status.state, status.logged_in), (TunnelState::Connected, true));

    // An unreachable server is retried at most every half minute, and the tunnel stays up.
    server.set(|s| s.heartbeat = Some((503, "unavailable")));
    let before = server.calls();
    tokio::time::sleep(HOUR).await;
    let calls = server.calls() - before;
    assert!((100..=300).contains(&calls), "{calls} calls");
    assert_eq!(machine.client.status(NoInput {}).await.unwrap().state, TunnelState::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_moved_server_is_found_at_the_offered_host() {
    let mut server = Server::start_paused().await;
    let mut machine = Machine::enrolled(&server).await;
    machine.client.connect(DIRECT).await.unwrap();
    // The device learns the new host at the next heartbeat, because this server has no event stream.
    server.set(|s| s.host = Some("127.0.0.2"));
    let queried = server.count(path::LANES);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while server.count(path::LANES) < queried + 2 {
        assert!(tokio::time::Instant::now() < deadline, "no heartbeat");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    machine.stop().await;
    server.task.abort();
    // The task has ended, so its listener is closed.
    let _ = (&mut server.task).await;
    let serial = server.inside.lock().unwrap().serial;
    // Another server has the enrolled address, and the real server has a new TLS key.
    let stranger = Server::start_as(tornado_shared::crypto::identity::IdentityKey::random(), &server.address).await;
    let port = server.address.rsplit_once(':').unwrap().1;
    let moved = Server::start_as(server.identity.clone(), &format!("127.0.0.2:{port}")).await;
    moved.set(|s| s.serial = serial);
    machine.start().await;
    machine.client.connect(DIRECT).await.unwrap();
    assert_eq!(
        (stranger.count(path::INITIATE), moved.count(path::HEARTBEAT) + moved.count(path::LANES) > 0),
        (0, true)
    );
}
