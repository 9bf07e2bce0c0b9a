//! Several servers on one device: each profile keeps its own account and login.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod common;

use common::{CODE, Machine, Server};
use tornado_helper_api::{
    AddProfile, Connect, Enroll, Helper as _, HelperError, NoInput, ProfileName, RenameProfile, SelectProfile, Status,
    TunnelState,
};
use tornado_shared::api::path;
use tornado_shared::model::{Lane, Secret};

fn name(text: &str) -> ProfileName {
    text.parse().unwrap()
}

fn select(text: &str) -> SelectProfile {
    SelectProfile { name: name(text) }
}

async fn add(machine: &Machine, text: &str, server: &Server, password: &str) -> Result<Status, HelperError> {
    let enroll = Enroll {
        link: server.link(),
        username: Some("ann".parse().unwrap()),
        password: Secret::new(password),
        totp: None,
        device_name: "laptop".parse().unwrap(),
    };
    machine.client.add_profile(AddProfile { name: name(text), enroll }).await
}

/// Name, server, login and use of each profile.
async fn listed(machine: &Machine) -> Vec<(String, String, bool, bool)> {
    let found = machine.client.profiles(NoInput {}).await.unwrap().profiles;
    found.into_iter().map(|p| (p.name.to_string(), p.server, p.logged_in, p.in_use)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_profile_keeps_its_server_and_login() {
    let (first, second) = (Server::start().await, Server::start().await);
    let mut machine = Machine::enrolled(&first).await;
    let row = |name: &str, server: &Server, in_use| (name.to_owned(), server.address.clone(), true, in_use);
    assert_eq!(listed(&machine).await, [row("default", &first, true)]);

    // A failed enrolment changes nothing.
    add(&machine, "work", &second, "a wrong password").await.unwrap_err();
    assert_eq!(listed(&machine).await, [row("default", &first, true)]);
    machine.client.connect(Connect { lane: Lane::Direct }).await.unwrap();
    let status = add(&machine, "work", &second, "a long password").await.unwrap();
    assert_eq!((status.profile.as_deref(), status.state), (Some("work"), TunnelState::Disconnected));
    assert_eq!(listed(&machine).await, [row("default", &first, false), row("work", &second, true)]);
    assert!(matches!(add(&machine, "default", &second, "a long password").await, Err(HelperError::Malformed(_))));

    let calls = (first.count(path::INITIATE), second.count(path::INITIATE));
    machine.client.connect(Connect { lane: Lane::Direct }).await.unwrap();
    assert_eq!((first.count(path::INITIATE), second.count(path::INITIATE)), (calls.0, calls.1 + 1));

    // A profile that does not exist disconnects nothing.
    assert!(matches!(machine.client.use_profile(select("home")).await, Err(HelperError::Malformed(_))));
    assert_eq!(machine.client.status(NoInput {}).await.unwrap().state, TunnelState::Connected);
    let status = machine.client.use_profile(select("default")).await.unwrap();
    assert_eq!((status.profile.as_deref(), status.state), (Some("default"), TunnelState::Disconnected));
    assert_eq!(status.server.as_deref(), Some(first.address.as_str()));
    machine.client.connect(Connect { lane: Lane::Direct }).await.unwrap();
    assert_eq!(first.count(path::INITIATE), calls.0 + 1, "the login was kept");

    // The choice survives a restart, and the other profile a crash that left its account twice.
    machine.client.disconnect(NoInput {}).await.unwrap();
    machine.stop().await;
    std::fs::copy(machine.state_file(), machine.state_file().with_file_name("profile-default.json")).unwrap();
    machine.start().await;
    assert_eq!(listed(&machine).await, [row("default", &first, true), row("work", &second, false)]);

    // Both kinds of profiles can be renamed; a name is used once.
    let rename = async |from: &str, to: &str| {
        machine.client.rename_profile(RenameProfile { name: name(from), new_name: name(to) }).await
    };
    assert!(matches!(rename("work", "default").await, Err(HelperError::Malformed(_))));
    assert!(matches!(rename("absent", "other").await, Err(HelperError::Malformed(_))));
    rename("work", "office").await.unwrap();
    rename("default", "home").await.unwrap();
    assert_eq!(machine.client.status(NoInput {}).await.unwrap().profile.as_deref(), Some("home"));
    assert_eq!(listed(&machine).await, [row("home", &first, true), row("office", &second, false)]);
    rename("home", "default").await.unwrap();
    rename("office", "work").await.unwrap();

    assert!(matches!(machine.client.remove_profile(select("default")).await, Err(HelperError::Malformed(_))));
    let left = machine.client.remove_profile(select("work")).await.unwrap();
    assert_eq!((left.profiles.len(), second.count(path::LOGOUT)), (1, 1));
    let names: Vec<_> = std::fs::read_dir(machine.state_file().parent().unwrap()).unwrap().flatten().collect();
    assert!(!names.iter().any(|entry| entry.file_name().to_string_lossy().contains("work")), "{names:?}");
    assert!(!format!("{left:?}").contains(CODE));
    machine.stop().await;
}
