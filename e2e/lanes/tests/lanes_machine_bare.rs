//! A whole server and device on machines with less than usual: no IPv6, no `/run`, a read-only root, no cgroups.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use std::time::Duration;
use tornado_e2e_harness::{DeviceProc, Host, Lab, LabOptions, Programs, SERVER, ServerOptions, ServerProc};
use tornado_e2e_lanes::world::{PASSWORD, World};

/// For all existing and future interfaces.
const NO_IPV6: &str = "\
    echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
    echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";

/// `/run` holds only this host's directory of the lab, and nothing can be added.
const EMPTY_RUN: &str = "\
    mkdir -p /tmp/tornado-kept; mount -t tmpfs none /tmp/tornado-kept; mkdir /tmp/tornado-kept/dir
    mount --rbind $DIR /tmp/tornado-kept/dir
    mount -t tmpfs none /run; mkdir -p $DIR; mount --rbind /tmp/tornado-kept/dir $DIR
    mount -o remount,ro /run
    if mkdir /run/tornado; then exit 1; fi";

/// Nothing is writable except this host's directory of the lab.
const READ_ONLY_ROOT: &str = "\
    mount --bind $DIR $DIR
    mount -o remount,bind,ro /; mount -t tmpfs -o ro none /tmp; mount -t tmpfs -o ro none /var/tmp
    touch $DIR/written
    for closed in /etc /var/lib /tmp; do if touch $closed/written; then exit 1; fi; done";

const NO_CGROUPS: &str = "mount -t tmpfs -o ro none /sys/fs/cgroup; [ -z \"$(ls /sys/fs/cgroup)\" ]";

/// A kernel started with `ipv6.disable=1`: no IPv6 settings and tables at all.
const KERNEL_WITHOUT_IPV6: &str = "\
    echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
    echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
    mount -t tmpfs -o ro none /proc/sys/net/ipv6
    for gone in if_inet6 ipv6_route tcp6 udp6; do mount --bind /dev/null /proc/net/$gone; done
    [ -z \"$(ls /proc/sys/net/ipv6)\" ]";

/// Cgroup version 2 only, as systemd mounts it.
const CGROUPS_2: &str = "\
    mount -t cgroup2 none /sys/fs/cgroup; [ -f /sys/fs/cgroup/cgroup.controllers ]";

/// Runs the lanes in userspace, as on a machine whose kernel has no WireGuard.
fn options() -> ServerOptions {
    ServerOptions { cluster: false, config: "[wg]\nbackend = 'userspace'\n".into(), ..ServerOptions::default() }
}

fn changed(host: &Host, words: &str) -> Host {
    host.changed(&format!("DIR={}\n{words}", host.dir().display())).unwrap()
}

/// Runs a server and a device on such a machine: the device enrols, connects and gets a page through the tunnel, and
/// `doctor` reports no error.
fn the_whole_way(words: &str) -> World {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let internet = lab.internet().unwrap();
    let server = ServerProc::start(&changed(lab.host("server").unwrap(), words), options()).unwrap();
    server.cli(&["tor", "stop"]).unwrap().success().unwrap();
    let world = World { server, internet, lab };
    let host = changed(world.device_host(1).unwrap(), words);
    let device = DeviceProc::start_with(&host, Programs::beside(), &["--backend", "userspace"]).unwrap();
    let link = world.invite(1).unwrap();
    device.cli_with_password(&["enroll", &link, "--username", "ada"], PASSWORD).unwrap().success().unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let reply = host.http_get(world.internet.http_v4(), "/").unwrap();
    assert_eq!(reply.seen_as().unwrap(), std::net::IpAddr::from(SERVER.v4), "traffic must use the tunnel");
    let found = world.server.cli(&["doctor", "--json"]).unwrap().stdout;
    assert!(found.contains("\"findings\"") && !found.contains("\"error\""), "{found}");
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    world
}

#[test]
fn a_machine_without_ipv6_has_everything_else() {
    let world = the_whole_way(NO_IPV6);
    for host in [world.lab.host("server").unwrap(), world.device_host(1).unwrap()] {
        assert_eq!(
            host.exec(&["ip", "-6", "address"]).unwrap().stdout,
            "",
            "the host must never have had an IPv6 address"
        );
    }
}

#[test]
fn a_kernel_without_ipv6_and_with_cgroups_of_version_2_has_everything_else() {
    the_whole_way(&format!("{KERNEL_WITHOUT_IPV6}\n{CGROUPS_2}"));
}

#[test]
fn a_machine_with_a_read_only_root_has_everything_else() {
    the_whole_way(READ_ONLY_ROOT);
}

#[test]
fn a_machine_without_run_and_cgroups_has_everything_else() {
    the_whole_way(&format!("{EMPTY_RUN}\n{NO_CGROUPS}"));
}

#[test]
fn an_enrolment_that_cannot_be_stored_does_not_use_up_the_invitation() {
    let world = World::up_with(1, options()).unwrap();
    let host = world.device_host(1).unwrap();
    let state = host.dir().join("state").display().to_string();
    let host = changed(host, &format!("mkdir {state}; mount -t tmpfs -o ro none {state}"));
    let device = DeviceProc::start_with(&host, Programs::beside(), &["--backend", "userspace"]).unwrap();
    let link = world.invite(1).unwrap();
    let enrol = || device.cli_with_password(&["enroll", &link, "--username", "ada"], PASSWORD).unwrap();
    let refused = enrol();
    assert!(!refused.ok());
    for name in [state.as_str(), "root", "mount -o remount,rw", "--state-dir"] {
        assert!(refused.stderr.contains(name), "{name}: {}", refused.stderr);
    }
    host.exec(&["mount", "-o", "remount,rw", &state]).unwrap();
    enrol().success().unwrap();
    let kept = host.exec(&["ls", &state]).unwrap().stdout;
    assert!(kept.contains("state.json") && !kept.contains("probe"), "{kept}");
}

#[test]
fn a_helper_without_a_place_for_its_socket_names_the_option() {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let host = changed(lab.host("device1").unwrap(), EMPTY_RUN);
    let mut command = host.command(Programs::beside().find("tornado-helperd").unwrap());
    command.arg("--state-dir").arg(host.dir().join("other")).arg("--log-dir").arg(host.dir().join("log"));
    let refused = host.run(command, Duration::from_secs(10)).unwrap();
    for name in ["/run/tornado-helper/helper.sock", "root", "mount -o remount,rw", "--socket"] {
        assert!(!refused.ok() && refused.stderr.contains(name), "{name}: {}", refused.stderr);
    }
}

/// Directories that cannot be created: the name in the configuration, the path, and how to break the machine.
const UNWRITABLE: &[(&str, &str, &str)] = &[
    ("run", "/run/tornado-absent", "mount -t tmpfs -o ro none /run"),
    ("state", "/var/lib/tornado-absent", "mount -o remount,bind,ro /"),
];

#[test]
fn a_directory_that_cannot_be_made_is_named_with_its_cure() {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let host = lab.host("server").unwrap();
    for (key, path, words) in UNWRITABLE {
        // In a place that the scripts do not hide.
        let config = tempfile::Builder::new().prefix("tornado-bare").suffix(".toml").tempfile_in("/tmp").unwrap();
        let work = tempfile::tempdir_in("/tmp").unwrap();
        let other = if *key == "run" { "state" } else { "run" };
        let (work_other, log) = (work.path().join("other"), work.path().join("log"));
        let text =
            format!("[paths]\n{key} = '{path}'\n{other} = '{}'\nlog = '{}'\n", work_other.display(), log.display());
        std::fs::write(config.path(), text).unwrap();
        let mounted = format!("mount -t tmpfs none {}; ", work.path().display());
        let host = changed(host, &(mounted + words));
        let run = |words: &[&str]| {
            let mut command = host.command(Programs::beside().find("tornadod").unwrap());
            command.arg("--config").arg(config.path()).args(words);
            host.run(command, Duration::from_secs(20)).unwrap()
        };
        let refused = run(&["master"]);
        assert!(!refused.ok(), "{key}");
        let why = refused.stderr + &refused.stdout;
        for name in [*path, "root", "mount -o remount,rw", &format!("[paths] {key}")] {
            assert!(why.contains(name), "{key}: {name}: {why}");
        }
        let found = run(&["doctor", "--json"]).stdout;
        assert!(found.contains("\"disk_read_only\"") && found.contains(path), "{key}: {found}");
    }
}
