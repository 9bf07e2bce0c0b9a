use super::*;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::login_key::StoredLoginKey;
use tornado_shared::model::{Lane, PrivateKey, PublicKey, SessionId, SessionState, UserId};
use tornado_shared::{api, model, problem};

pub(in crate::openapi) fn names<T: ToSchema>() -> BTreeSet<String> {
    let schema = serde_json::to_value(T::schema()).unwrap();
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

pub(in crate::openapi) fn fields(value: &impl Serialize) -> BTreeSet<String> {
    let Value::Object(fields) = serde_json::to_value(value).unwrap() else { panic!("no object") };
    fields.into_iter().map(|(name, _)| name).collect()
}

fn key() -> PublicKey {
    PrivateKey::random().public_key()
}

#[test]
fn schemas_have_the_fields_that_are_written() {
    let transfer = model::Transfer::default();
    assert_eq!(names::<Transfer>(), fields(&transfer));
    let session = api::SessionView {
        session_id: SessionId(Uuid::nil()),
        state: SessionState::Online,
        started_at: 0,
        direct: transfer,
        tor: transfer,
    };
    assert_eq!(names::<Session>(), fields(&session));
    let offer = api::LaneOffer {
        ip: [10, 8, 0, 2].into(),
        endpoint: "x:1".into(),
        server_pubkey: key(),
        ip6: std::net::Ipv6Addr::LOCALHOST,
        port: 1,
        mtu: 1420,
        dns: Some([10, 8, 0, 1].into()),
        dns6: Some(std::net::Ipv6Addr::LOCALHOST),
    };
    assert_eq!(names::<LaneOffer>(), fields(&offer));
    let times = api::SessionTimes { heartbeat_ttl: 1, hard_ttl: 2 };
    assert_eq!(names::<SessionTimes>(), fields(&times));
    let initiated = api::Initiated {
        status: "success".into(),
        vpn: offer.clone(),
        tor: offer,
        session: times,
        session_id: SessionId(Uuid::nil()),
        preshared: true,
    };
    assert_eq!(names::<Initiated>(), fields(&initiated));
    assert_eq!(names::<Initiate>(), fields(&api::Initiate { public_key: key() }));
    assert_eq!(names::<Disconnected>(), fields(&api::Disconnected { session_id: None }));
    let lane = api::LaneView { lane: Lane::Tor, state: api::LaneState::Closed, port: 1, server_pubkey: key() };
    assert_eq!(names::<LaneView>(), fields(&lane));
    assert_eq!(names::<Lanes>(), fields(&api::Lanes { lanes: vec![lane], host: Some("x".into()) }));
}

#[test]
fn schemas_of_accounts_have_the_fields_that_are_written() {
    let user = api::UserView {
        id: UserId(Uuid::nil()),
        username: "alice".parse().unwrap(),
        email: String::new(),
        is_active: true,
    };
    assert_eq!(names::<User>(), fields(&user));
    let profile = api::Profile {
        user,
        device_id: model::DeviceId(Uuid::nil()),
        device_name: "laptop".parse().unwrap(),
        max_devices: 1,
        month_quota: Some(1),
    };
    let mut me = fields(&profile);
    me.insert("session".into());
    assert_eq!(names::<Me>(), me);
    let identity = IdentityKey::from_seed(&[1; 32]);
    let tls = api::TlsAttestation { spki_sha256: String::new(), signature: identity.sign(b"x") };
    assert_eq!(names::<TlsAttestation>(), fields(&tls));
    let info = api::ServerInfo {
        identity: identity.public(),
        login_key: StoredLoginKey::random(0, 60).load().sign(&identity),
        pubkey: String::new(),
        tls: Some(tls),
        now: 0,
    };
    assert_eq!(names::<ServerInfo>(), fields(&info));
    let mut problem = problem::Problem::new(429, "x", "y");
    problem.retry_after = Some(1);
    problem.request_id = Some("r".into());
    assert_eq!(names::<Problem>(), fields(&problem));
}

#[test]
fn schemas_of_the_tor_lane_match_the_types() {
    let hop = api::TorHop { role: api::TorHopRole::Guard, nickname: String::new(), country: None };
    assert_eq!(names::<TorHop>(), fields(&hop));
    let path = api::TorPath { exit_address: None, exit_country: None, hops: vec![hop], since: 0 };
    assert_eq!(names::<TorPath>(), fields(&path));
    let offer = api::ExitOffer { country: "de".parse().unwrap(), exits: 1 };
    assert_eq!(names::<ExitOffer>(), fields(&offer));
    let view = api::TorView {
        lane: api::LaneState::Open,
        exit: None,
        ready: false,
        waiting_for: Some(String::new()),
        countries: vec![offer],
        path: Some(path),
        no_path: Some(String::new()),
    };
    assert_eq!(names::<TorView>(), fields(&view));
    assert_eq!(names::<ChooseExit>(), fields(&api::ChooseExit { country: None }));
}
