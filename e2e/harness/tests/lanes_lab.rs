//! The lab itself: links carry packets, captures count, and nothing is left behind.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use std::process::Command;
use std::time::Duration;
use tornado_e2e_harness::{HarnessError, INTERNET, Lab, LabOptions, LabRecord, SERVER, Sweep, wait_for};

#[test]
fn the_clear_path_carries_both_families_from_the_devices_own_address() {
    let lab = Lab::up(LabOptions::with_devices(2)).unwrap();
    let internet = lab.internet().unwrap();
    for number in 1..=2 {
        let device = lab.host(&format!("device{number}")).unwrap();
        let own = lab.device_address(number);
        assert_eq!(device.http_get(internet.http_v4(), "/").unwrap().seen_as().unwrap(), own.v4);
        assert_eq!(device.http_get(internet.http_v6(), "/").unwrap().seen_as().unwrap(), own.v6);
    }
    let server = lab.host("server").unwrap();
    assert_eq!(server.http_get(internet.http_v4(), "/").unwrap().seen_as().unwrap(), SERVER.v4);
    assert_eq!(server.http_get(internet.http_v6(), "/").unwrap().seen_as().unwrap(), SERVER.v6);
    assert_eq!(internet.seen().len(), 6);
}

#[test]
fn downloads_and_datagrams_arrive_whole() {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let internet = lab.internet().unwrap();
    let device = lab.host("device1").unwrap();
    assert_eq!(device.http_get(internet.http_v6(), "/bytes/5000000").unwrap().body.len(), 5_000_000);
    assert_eq!(device.http_get(internet.http_v4(), "/nowhere").unwrap().status, 404);
    for echo in [internet.echo_v4(), internet.echo_v6()] {
        let answer = device.udp_ask(echo, b"hello", Duration::from_secs(5)).unwrap();
        assert_eq!(answer.as_deref(), Some(b"hello".as_slice()));
    }
    let closed = (INTERNET.v4, 9).into();
    assert_eq!(device.udp_ask(closed, b"hello", Duration::from_millis(300)).unwrap(), None);
}

#[test]
fn a_capture_counts_what_its_filter_names_and_nothing_else() {
    let lab = Lab::up(LabOptions::with_devices(2)).unwrap();
    let internet = lab.internet().unwrap();
    let device = lab.host("device1").unwrap();
    let capture = lab.host("internet").unwrap().capture("eth0", "udp and src host 198.51.100.1").unwrap();
    for _ in 0..7 {
        device.udp_ask(internet.echo_v4(), b"x", Duration::from_secs(5)).unwrap().unwrap();
    }
    lab.host("device2").unwrap().udp_ask(internet.echo_v4(), b"x", Duration::from_secs(5)).unwrap().unwrap();
    let seen = capture.stop().unwrap();
    assert_eq!(seen.count(), 7, "{:?}", seen.lines());
    assert!(matches!(device.capture("eth0", "no such filter"), Err(HarnessError::Command { .. })));
}

#[test]
fn a_hanging_command_is_killed_with_its_children() {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let device = lab.host("device1").unwrap();
    let hang = device.try_exec(&["sh", "-c", "sleep 977 & sleep 977"], Duration::from_millis(300));
    assert!(matches!(hang, Err(HarnessError::Timeout { .. })));
    wait_for("the children to end", Duration::from_secs(5), || Ok(pids(&lab, "device1").is_empty().then_some(())))
        .unwrap();
    assert!(matches!(device.exec(&["false"]), Err(HarnessError::Command { .. })));
}

#[test]
fn a_host_has_its_own_resolver_file() {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let before = std::fs::read("/etc/resolv.conf").ok();
    let device = lab.host("device1").unwrap();
    device.exec(&["sh", "-c", "echo nameserver 192.0.2.53 > /etc/resolv.conf"]).unwrap();
    assert!(device.exec(&["cat", "/etc/resolv.conf"]).unwrap().stdout.contains("192.0.2.53"));
    assert_eq!(std::fs::read("/etc/resolv.conf").ok(), before);
}

#[test]
fn down_leaves_nothing_behind() {
    let lab = Lab::up(LabOptions::with_devices(2)).unwrap();
    let id = lab.id().to_owned();
    // A detached process, and one that left its process group: both are in the namespace.
    lab.host("device1").unwrap().spawn("sleeper", sleeper(&lab, "device1")).unwrap().detach();
    lab.host("server").unwrap().exec(&["sh", "-c", "setsid --fork sleep 977 >/dev/null 2>&1"]).unwrap();
    let pid = pids(&lab, "server").first().cloned().unwrap();
    assert!(!traces(&id).is_empty());
    lab.down().unwrap();
    assert_eq!(traces(&id), Vec::<String>::new());
    // A dead process stays listed until its parent reaps it.
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let (send, receive) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
        let _internet = lab.internet().unwrap();
        let _sleeper = lab.host("device1").unwrap().spawn("sleeper", sleeper(&lab, "device1")).unwrap();
        send.send(lab.id().to_owned()).unwrap();
        panic!("simulates a failing test");
    });
    assert!(panicked.join().is_err());
    assert_eq!(traces(&receive.recv().unwrap()), Vec::<String>::new());
}

#[test]
fn what_a_killed_process_left_is_swept() {
    let lab = Lab::up(LabOptions { devices: 1, id: None, stay: true }).unwrap();
    let id = lab.id().to_owned();
    // Simulates a killed creator: the record names a process that does not exist.
    let mut owner = Command::new("true").spawn().unwrap();
    let pid = owner.id();
    owner.wait().unwrap();
    let note = format!(r#"{{"id":"{id}","devices":1,"owner":{{"pid":{pid},"start":1}}}}"#);
    std::fs::write(lab.dir().join("lab.json"), note).unwrap();
    drop(lab);
    assert!(!traces(&id).is_empty());
    let other = Lab::up(LabOptions::with_devices(1)).unwrap();
    assert_eq!(traces(&id), Vec::<String>::new());
    assert!(!traces(other.id()).is_empty(), "a lab in use is not removed");
}

#[test]
fn a_name_is_taken_once_and_a_lab_can_be_found_by_it() {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let again = Lab::up(LabOptions { devices: 1, id: Some(lab.id().to_owned()), stay: false });
    assert!(matches!(again, Err(HarnessError::Exists(_))));
    let found = Lab::attach(lab.id()).unwrap();
    assert_eq!(found.host("device1").unwrap().exec(&["echo", "hi"]).unwrap().stdout, "hi\n");
    drop(found);
    assert!(LabRecord::all().unwrap().iter().any(|record| record.id == lab.id()));
    assert!(!Lab::sweep(Sweep::Abandoned).unwrap().contains(&lab.id().to_owned()));
}

fn sleeper(lab: &Lab, host: &str) -> Command {
    let mut command = lab.host(host).unwrap().command("sleep");
    command.arg("977");
    command
}

fn pids(lab: &Lab, host: &str) -> Vec<String> {
    let namespace = lab.host(host).unwrap().namespace();
    let output = Command::new("ip").args(["netns", "pids", namespace]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// All names on this machine that contain the lab's name.
fn traces(id: &str) -> Vec<String> {
    let prefix = format!("tnd-{id}-");
    let mut found = Vec::new();
    for dir in ["/run/netns", "/etc/netns", "/run/tornado-lab"] {
        let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        found.extend(names.filter(|name| name == id || name.starts_with(&prefix)).map(|name| format!("{dir}/{name}")));
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    found.extend(mounts.lines().filter(|line| line.contains(&prefix)).map(str::to_owned));
    found
}
