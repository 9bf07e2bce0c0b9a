//! The service, its pipe and its store, as the programs of users see them.

#![cfg(windows)]

use futures::{StreamExt as _, future::join_all};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::windows::named_pipe::ServerOptions;
use tokio::sync::Mutex;
use tornado_e2e_windows::{Service, program, run, run_restricted};
use tornado_helper_api::{Helper as _, HelperClient, LockdownMode, NoInput, SetLockdown};
use tornado_windows::os::pipe::{self, Instance};
use tornado_windows::os::wintun::{self, Adapter};
use tornado_windows::os::{exposed_to, make_private, names, own_user};
use tornado_windows::{Security, Sid};
use windows_registry::LOCAL_MACHINE;

/// There is one service on a machine.
static ONE: Mutex<()> = Mutex::const_new(());

fn client() -> HelperClient {
    tornado_helper_api::client(tornado_helper_api::DEFAULT_SOCKET)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_answers_the_command_line_until_it_is_removed() {
    let _alone = ONE.lock().await;
    let service = Service::install(&[]).unwrap();
    let status = run("tornado", &["--json", "status"]).unwrap();
    assert!(status.code == Some(0) && status.text.contains("\"disconnected\""), "{status:?}");
    assert!(std::fs::read_to_string(service.log().join("helper.log")).unwrap().lines().count() > 0);
    // Several programs at once, and one that follows the status.
    let helper = client();
    let mut events = helper.events().await.unwrap();
    assert!(events.next().await.is_some());
    let calls = join_all((0..32).map(|_| async { client().status(NoInput {}).await })).await;
    assert!(calls.iter().all(Result::is_ok), "{calls:?}");
    // The stream ends with the service.
    service.stop().unwrap();
    let end = tokio::time::timeout(Duration::from_secs(30), async { while events.next().await.is_some() {} }).await;
    assert!(end.is_ok());
    let status = run("tornado", &["status"]).unwrap();
    assert!(status.code == Some(3) && status.text.contains("sc start tornado-helper"), "{status:?}");
    service.start().unwrap();
    assert_eq!(run("tornado", &["status"]).unwrap().code, Some(0));
    drop(service);
    assert_eq!(run("tornado", &["status"]).unwrap().code, Some(3));
    assert_eq!(run("tornado-helperd", &["uninstall"]).unwrap().code, Some(0), "there is nothing to remove");
}

#[test]
fn only_administrators_and_allowed_users_are_answered() {
    let _alone = ONE.blocking_lock();
    let tornado = program("tornado").unwrap();
    let service = Service::install(&[]).unwrap();
    // The same user without the rights of an administrator.
    let refused = run_restricted(&tornado, &["status"]).unwrap();
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(!refused.text.contains("disconnected"), "{refused:?}");
    let stranger = "S-1-5-21-1-2-3-1001";
    service.change(&["--allow-sid", stranger]).unwrap();
    assert_eq!(run_restricted(&tornado, &["status"]).unwrap().code, Some(3), "another user is allowed");
    let own = own_user().unwrap().to_string();
    service.change(&["--allow-sid", stranger, "--allow-sid", &own]).unwrap();
    let answered = run_restricted(&tornado, &["status"]).unwrap();
    assert_eq!(answered.code, Some(0), "{answered:?}");
    let wrong = run("tornado-helperd", &["install", "--allow-sid", "Administrators"]).unwrap();
    assert!(wrong.code == Some(2) && wrong.text.contains("whoami /user"), "{wrong:?}");
}

#[tokio::test]
async fn a_pipe_of_another_program_receives_nothing() {
    let name = r"\\.\pipe\tornado-squatted";
    let mut squatter = ServerOptions::new().create(name).unwrap();
    let connected = tokio::task::spawn_blocking(move || run("tornado", &["--socket", name, "status"]).unwrap());
    squatter.connect().await.unwrap();
    let mut received = Vec::new();
    // The client closes the pipe, which ends the read with an error.
    drop(squatter.read_to_end(&mut received).await);
    assert_eq!(received, b"");
    let refused = connected.await.unwrap();
    assert!(refused.code == Some(3) && refused.text.contains("pretends to be the helper"), "{refused:?}");
    let started = tokio::task::spawn_blocking(move || run("tornado-helperd", &["--socket", name]).unwrap());
    let started = started.await.unwrap();
    assert!(started.code == Some(1) && started.text.contains("cannot listen on"), "{started:?}");
}

#[tokio::test]
async fn a_name_of_another_machine_is_refused() {
    for name in [r"\\server\pipe\tornado-helper", r"C:\tornado-helper", r"\\.\pipe\", r"\\.\pipe\a\b"] {
        let failed = pipe::connect(Path::new(name), Sid::SYSTEM).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::InvalidInput, "{name}: {failed}");
        let failed = pipe::serve(Path::new(name), &Security::of_pipe([]), Instance::First).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::InvalidInput, "{name}: {failed}");
    }
}

#[tokio::test]
async fn the_first_instance_is_created_once_and_its_client_is_identified() {
    let name = Path::new(r"\\.\pipe\tornado-first");
    let security = Security::of_pipe([]);
    let first = pipe::serve(name, &security, Instance::First).unwrap();
    let second = pipe::serve(name, &security, Instance::First).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    // The check above was a client that is gone.
    drop(first.disconnect());
    let (connected, client) = tokio::join!(first.connect(), pipe::connect(name, Sid::SYSTEM));
    connected.unwrap();
    let found = pipe::client(&first).unwrap();
    assert_eq!((found.user, found.pid), (own_user().unwrap(), std::process::id()));
    assert!(found.is_administrator && found.is_in_own_session, "{found:?}");
    drop(client.unwrap());
    let other = pipe::connect(name, own_user().unwrap()).await;
    assert!(other.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_is_kept_in_a_private_directory() {
    let _alone = ONE.lock().await;
    let service = Service::install(&[]).unwrap();
    let policy = SetLockdown { mode: Some(LockdownMode::Always), lan: Some(false), bridges: None };
    // Whether traffic is blocked depends on Windows; the policy is stored in either case.
    drop(client().set_lockdown(policy).await);
    let files: Vec<_> = std::fs::read_dir(service.state()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    for path in files.iter().chain([&service.state(), &service.log()]) {
        assert_eq!(exposed_to(path).unwrap(), None, "{}", path.display());
    }
    service.stop().unwrap();
    service.start().unwrap();
    let status = client().status(NoInput {}).await.unwrap();
    assert_eq!((status.lockdown_policy.mode, status.lockdown_policy.lan), (LockdownMode::Always, false));
    // Without the helper, the command line releases traffic and stores that.
    service.stop().unwrap();
    let state = service.state();
    let released = run("tornado-helperd", &["--release", "--state-dir", &state.to_string_lossy()]).unwrap();
    assert_eq!(released.code, Some(0), "{released:?}");
    service.start().unwrap();
    assert_eq!(client().status(NoInput {}).await.unwrap().lockdown_policy.mode, LockdownMode::Off);
}

#[test]
fn a_directory_becomes_private() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("private");
    make_private(&directory).unwrap();
    make_private(&directory).unwrap();
    assert_eq!(exposed_to(&directory).unwrap(), None);
    std::fs::write(directory.join("file"), "secret").unwrap();
    assert_eq!(exposed_to(&directory.join("file")).unwrap(), None);
    assert!(make_private(&parent.path().join("missing").join("private")).is_err());
}

#[test]
fn rules_for_names_are_found_whatever_their_key() {
    let servers = ["10.8.0.1".parse().unwrap(), "fd74::1".parse().unwrap()];
    names::remove_rules().unwrap();
    let foreign = LOCAL_MACHINE.create(format!(r"{}\{{foreign}}", names::LOCAL_RULES)).unwrap();
    foreign.set_string("Comment", "another program").unwrap();
    names::set_rule(&servers).unwrap();
    let rule = LOCAL_MACHINE.open(format!(r"{}\{}", names::LOCAL_RULES, names::RULE)).unwrap();
    assert_eq!(rule.get_value("Name").unwrap()[..], [b'.', 0, 0, 0, 0, 0]);
    assert_eq!(rule.get_string("GenericDNSServers").unwrap(), "10.8.0.1;fd74::1");
    assert_eq!((rule.get_u32("Version").unwrap(), rule.get_u32("ConfigOptions").unwrap()), (2, 8));
    let of_policy = LOCAL_MACHINE.open(format!(r"{}\{}", names::POLICY_RULES, names::RULE));
    assert!(of_policy.is_err(), "without a group policy, a rule there would hide those of the machine");
    // A rule of an earlier version, and a group policy for names.
    let old = LOCAL_MACHINE.create(format!(r"{}\{{old}}", names::LOCAL_RULES)).unwrap();
    old.set_string("Comment", names::OWNER).unwrap();
    let policy = LOCAL_MACHINE.create(format!(r"{}\{{policy}}", names::POLICY_RULES)).unwrap();
    policy.set_string("GenericDNSServers", "192.0.2.53").unwrap();
    names::set_rule(&servers[..1]).unwrap();
    let rule = LOCAL_MACHINE.open(format!(r"{}\{}", names::POLICY_RULES, names::RULE)).unwrap();
    assert_eq!(rule.get_string("GenericDNSServers").unwrap(), "10.8.0.1");
    assert_eq!(names::remove_rules().unwrap(), 2, "one of the machine, one beside the group policy");
    assert_eq!(names::remove_rules().unwrap(), 0);
    let left = |path: &str| LOCAL_MACHINE.open(path).unwrap().keys().unwrap().collect::<Vec<_>>();
    assert_eq!(
        (left(names::LOCAL_RULES), left(names::POLICY_RULES)),
        (vec!["{foreign}".into()], vec!["{policy}".into()])
    );
    for (path, key) in [(names::LOCAL_RULES, "{foreign}"), (names::POLICY_RULES, "{policy}")] {
        LOCAL_MACHINE.options().read().write().open(path).unwrap().remove_tree(key).unwrap();
    }
}

#[test]
fn a_library_of_another_version_is_not_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let create = || Adapter::create(directory.path(), "tornado9", 1).err().unwrap();
    assert_eq!(create().kind(), io::ErrorKind::NotFound);
    std::fs::write(directory.path().join(wintun::LIBRARY), "MZ").unwrap();
    let refused = create();
    assert!(refused.kind() == io::ErrorKind::InvalidData && refused.to_string().contains("install"), "{refused}");
}
