//! Exit countries and circuits of devices.

use super::support::tor::code;
use super::support::world::{World, token};
use crate::config::Config;
use tornado_contracts::session::*;
use tornado_contracts::tor::{DevicePath, Hop, HopRole};
use tornado_contracts::wg::{PeerSpec, TorLane, TorPorts};
use tornado_shared::api::{LaneState, TorHopRole};
use tornado_shared::model::*;

impl World {
    async fn choose(&self, device: &super::support::auth::Device, country: Option<&str>) -> Result<(), SessionError> {
        let input = ChooseExit { access_token: device.token.clone(), country: country.map(code) };
        self.service.choose_exit(input).await.map(drop)
    }

    fn spec(&self, device: &super::support::auth::Device) -> PeerSpec {
        self.wg.0.lock().peers[&device.key].spec.clone()
    }
}

#[tokio::test]
async fn an_exit_choice_is_a_new_identity_and_survives_restarts() {
    let mut world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.choose(&device, Some("de")).await.unwrap();
    world.connect(&device).await.unwrap();
    let first = world.spec(&device);
    assert_eq!(first.exit, Some(code("de")), "chosen before the device was connected");
    world.choose(&device, Some("nl")).await.unwrap();
    let second = world.spec(&device);
    assert_eq!(second.exit, Some(code("nl")));
    assert_ne!(second.isolation, first.isolation, "the isolation number must change");
    world.choose(&device, Some("nl")).await.unwrap();
    assert_eq!(world.spec(&device), second, "repeating a choice must change nothing");

    world.kill_session().await;
    world.wg.restart();
    world.watch.check().await.unwrap();
    assert_eq!(world.spec(&device), second);
    world.disconnect(&device).await;
    world.connect(&device).await.unwrap();
    assert_eq!(world.spec(&device).exit, Some(code("nl")));
    world.choose(&device, None).await.unwrap();
    assert_eq!(world.spec(&device).exit, None);
    world.disconnect(&device).await;
    world.connect(&device).await.unwrap();
    assert_eq!(world.spec(&device).exit, None);
}

#[tokio::test]
async fn an_unavailable_exit_is_rejected_and_changes_nothing() {
    let world = World::new().await;
    let [one, two, three] = [(); 3].map(|()| world.auth.device(UserId::random()));
    for device in [&one, &two, &three] {
        world.connect(device).await.unwrap();
    }
    let refused = |result: Result<(), SessionError>| match result {
        Err(SessionError::NoExit { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(world.choose(&one, Some("fr")).await), "Tor has no exit there");
    world.choose(&one, Some("de")).await.unwrap();
    world.choose(&two, Some("nl")).await.unwrap();
    let before = world.spec(&three);
    assert!(refused(world.choose(&three, Some("se")).await).contains("all 2 exit countries"));
    assert_eq!(world.spec(&three), before);
    world.choose(&three, Some("nl")).await.unwrap();
    world.tor.state().away = true;
    assert!(
        matches!(world.choose(&three, Some("de")).await, Err(SessionError::Fault(_))),
        "a choice must fail while tor is down"
    );
    world.choose(&three, None).await.unwrap();
    assert_eq!(world.spec(&three).exit, None, "service tor is not needed to clear the choice");
}

#[tokio::test]
async fn other_and_revoked_logins_cannot_choose_an_exit() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    let other = world.auth.login(device.user_id, device.device_id, device.key);
    assert_eq!(world.choose(&other, Some("de")).await, Err(SessionError::SessionExpired));
    world.disconnect(&device).await;
    world.auth.revoked.lock().insert(device.family_id);
    assert_eq!(world.choose(&device, Some("de")).await, Err(SessionError::Revoked));
}

#[tokio::test]
async fn changes_of_circuits_are_limited_for_each_device() {
    let world = World::with(Config { identity_changes: 3, ..Config::default() }).await;
    let [one, two] = [(); 2].map(|()| world.auth.device(UserId::random()));
    for device in [&one, &two] {
        world.connect(device).await.unwrap();
    }
    world.choose(&one, Some("de")).await.unwrap();
    world.wait(10);
    for _ in 0..2 {
        world.service.new_identity(token(&one)).await.unwrap();
    }
    let number = world.spec(&one).isolation;
    assert_eq!(world.choose(&one, Some("nl")).await, Err(SessionError::TooOften { retry_after: 50 }));
    assert_eq!(world.service.new_identity(token(&one)).await, Err(SessionError::TooOften { retry_after: 50 }));
    assert_eq!(world.spec(&one).isolation, number);
    world.service.new_identity(token(&two)).await.unwrap();
    world.wait(50);
    world.choose(&one, Some("nl")).await.unwrap();
}

#[tokio::test]
async fn the_view_reports_lane_exit_and_path() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    let view = world.service.tor_view(token(&device)).await.unwrap();
    assert_eq!(
        (view.lane, view.ready, view.no_path.as_deref()),
        (LaneState::Closed, false, Some("the device is not connected"))
    );
    world.connect(&device).await.unwrap();
    world.wg.0.lock().tor_lane = Some(TorLane::Open { trans_port: 1, dns_port: 2, socks_port: 3 });
    let view = world.service.tor_view(token(&device)).await.unwrap();
    assert_eq!((view.lane, view.ready, view.no_path.as_deref()), (LaneState::Open, true, Some("nothing was sent yet")));
    let offered: Vec<_> = view.countries.iter().map(|offer| (offer.country.to_string(), offer.exits)).collect();
    assert_eq!(offered, [("de".into(), 2), ("nl".into(), 2), ("se".into(), 2)]);

    world.choose(&device, Some("de")).await.unwrap();
    let view = world.service.tor_view(token(&device)).await.unwrap();
    assert_eq!((view.exit, view.ready), (Some(code("de")), false));
    assert_eq!(view.waiting_for.as_deref(), Some("Tor is starting for exits in 'de' (35 %)"));
    world.wg.0.lock().tor_exits = [(code("de"), TorPorts { trans_port: 4, dns_port: 5, socks_port: 6 })].into();
    let hop = |role, nickname: &str, country: Option<&str>| Hop {
        role,
        fingerprint: "0".repeat(40),
        nickname: nickname.into(),
        address: Some([192, 0, 2, 9].into()),
        country: country.map(str::to_owned),
        flags: Vec::new(),
    };
    let hops = vec![hop(HopRole::Guard, "g", None), hop(HopRole::Exit, "e", Some("de"))];
    let isolation = world.spec(&device).isolation;
    world.tor.state().paths.insert(isolation, DevicePath { hops, since: 77 });
    let view = world.service.tor_view(token(&device)).await.unwrap();
    assert_eq!((view.ready, view.waiting_for, view.no_path), (true, None, None));
    let path = view.path.unwrap();
    assert_eq!((path.exit_country, path.exit_address, path.since), (Some(code("de")), Some([192, 0, 2, 9].into()), 77));
    assert_eq!(
        (path.hops[0].role, path.hops[0].country, path.hops[1].role),
        (TorHopRole::Guard, None, TorHopRole::Exit)
    );

    // After a new identity the path of the previous one is not shown.
    world.service.new_identity(token(&device)).await.unwrap();
    assert_eq!(world.service.tor_view(token(&device)).await.unwrap().path, None);
    world.tor.state().away = true;
    let view = world.service.tor_view(token(&device)).await.unwrap();
    assert_eq!((view.ready, view.no_path.as_deref()), (true, Some("service tor did not respond")));
}

#[tokio::test]
async fn exits_and_isolation_numbers_in_use_are_reported_to_tor() {
    let world = World::new().await;
    let [one, two] = [(); 2].map(|()| world.auth.device(UserId::random()));
    for device in [&one, &two] {
        world.connect(device).await.unwrap();
    }
    world.choose(&one, Some("de")).await.unwrap();
    let in_use = world.service.core.countries.in_use();
    assert_eq!(in_use.countries, [code("de")].into());
    let mut live = in_use.live;
    live.sort_unstable();
    let mut numbers = vec![world.spec(&one).isolation, world.spec(&two).isolation];
    numbers.sort_unstable();
    assert_eq!(live, numbers);
    world.disconnect(&one).await;
    let in_use = world.service.core.countries.in_use();
    assert_eq!((in_use.countries.len(), in_use.live.len()), (0, 1));
}

#[tokio::test]
async fn one_account_cannot_use_every_exit_country() {
    let world = World::with(Config { exit_countries: 1, ..Config::default() }).await;
    let (greedy, other) = (UserId::random(), world.auth.device(UserId::random()));
    let [one, two] = [(); 2].map(|()| world.auth.device(greedy));
    for device in [&one, &two, &other] {
        world.connect(device).await.unwrap();
    }
    world.choose(&one, Some("de")).await.unwrap();
    let refused = world.choose(&two, Some("nl")).await;
    assert!(matches!(&refused, Err(SessionError::NoExit { why, .. }) if why.contains("one account")), "{refused:?}");
    world.choose(&two, Some("de")).await.unwrap();
    // The account may use its country again, and another account may choose a different one.
    world.choose(&other, Some("nl")).await.unwrap();
    assert_eq!(world.service.core.countries.in_use().countries, [code("de"), code("nl")].into());

    // Chosen while its other device was not connected: not checked, and no Tor is started for it.
    world.choose(&other, None).await.unwrap();
    world.disconnect(&one).await;
    world.choose(&two, Some("nl")).await.unwrap();
    world.wait(10);
    world.connect(&one).await.unwrap();
    assert_eq!(
        world.service.core.countries.in_use().countries,
        [code("nl")].into(),
        "the country of the older session counts"
    );
}
