//! The package of the server on Debian machines. Needs root, and what `cargo xtask test packages` prepares.

#![expect(clippy::unwrap_used, reason = "a test panics when a step fails")]
#![expect(clippy::print_stdout, reason = "the exposure is shown in the output of the tests")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;
use tornado_e2e_harness::wait_for;
use tornado_e2e_packages::{Machine, Network, Release, Version, changes};

/// Highest exposure of the unit that `systemd-analyze security` may report, in tenths.
const EXPOSURE: u8 = 29;
/// Processes that write lines at each start.
const WRITERS: [&str; 6] = ["master", "session", "wg", "tor", "dns", "client-api"];
const SERVICES: [&str; 8] = ["auth", "session", "wg", "tor", "dns", "client-api", "admin", "telemetry"];

fn json(machine: &Machine, words: &[&str]) -> Value {
    let text = machine.run(words).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
}

fn is_active(machine: &Machine, unit: &str) -> bool {
    machine.output(&["systemctl", "is-active", "--quiet", unit]).unwrap().status.success()
}

/// Process ids of all services by name.
fn processes(machine: &Machine) -> BTreeMap<String, u64> {
    let status = json(machine, &["tornadod", "status", "--json"]);
    assert_eq!(status["ready"], true, "{status}");
    let services = status["services"].as_array().unwrap();
    services.iter().map(|one| (one["name"].as_str().unwrap().to_owned(), one["pid"].as_u64().unwrap())).collect()
}

/// From a clean machine to a server that runs after each boot.
fn first_installation(release: Release) {
    let mut machine = Machine::new(release, Network::Separate).unwrap();
    let said = machine.install(&[Version::New.package("tornado-server").unwrap()]).unwrap();
    assert!(said.contains("'tornadod setup-link' prints a link for the first operator"), "{said}");
    assert!(is_active(&machine, "tornado.service"));
    assert_eq!(processes(&machine).len(), SERVICES.len());

    let link = machine.run(&["tornadod", "setup-link"]).unwrap();
    let path = link.trim().strip_prefix("http://localhost:8000").unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost:8000\r\nConnection: close\r\n\r\n");
    let get = "exec 3<>/dev/tcp/127.0.0.1/8000 && cat >&3 && cat <&3";
    let page = machine.run_with(&["bash", "-c", get], &request).unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");

    logs_are_written(&machine);
    println!("{}: {}", release.name(), machine.exposure("tornado.service", EXPOSURE).unwrap());
    services_have_few_rights(&machine);

    machine.reboot().unwrap();
    assert!(is_active(&machine, "tornado.service"), "the server does not start at boot");
    assert_eq!(processes(&machine).len(), SERVICES.len());
    logs_are_written(&machine);

    // Only DNS over TLS needs certificates, and it is not configured.
    machine.run(&["mv", "/etc/ssl/certs", "/etc/ssl/moved"]).unwrap();
    let before = processes(&machine);
    machine.run(&["tornadod", "restart", "dns"]).unwrap();
    wait_for("dns without certificates", Duration::from_secs(20), || {
        let status = json(&machine, &["tornadod", "status", "--json"]);
        let dns = status["services"].as_array().unwrap().iter().find(|one| one["name"] == "dns").cloned();
        let is_ready = |one: &Value| one["state"] == "ready" && one["pid"].as_u64() != before.get("dns").copied();
        Ok(dns.filter(is_ready))
    })
    .unwrap();
}

/// What the exposure of the unit cannot show: each service has a part of its rights.
fn services_have_few_rights(machine: &Machine) {
    for (name, pid) in processes(machine) {
        let status = machine.run(&["cat", &format!("/proc/{pid}/status")]).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().unwrap_or_default().to_owned()
        };
        // CAP_NET_ADMIN, CAP_NET_BIND_SERVICE.
        let allowed = match name.as_str() {
            "wg" => 1 << 12,
            "dns" => 1 << 10,
            _ => 0,
        };
        for set in ["CapEff:", "CapPrm:", "CapBnd:"] {
            let held = u64::from_str_radix(&field(set), 16).unwrap();
            assert_eq!(held & !allowed, 0, "{name} {set} {held:x}");
        }
        assert_ne!(field("Uid:"), "0", "{name} runs as root");
        assert_eq!((field("NoNewPrivs:").as_str(), field("Seccomp:").as_str()), ("1", "2"), "{name}");
    }
}

/// Processes write their files inside the unit's sandbox, and the archive has lines of each of them.
fn logs_are_written(machine: &Machine) {
    let readers = machine.run(&["getent", "group", "tornado-telemetry"]).unwrap();
    let readers: u32 = readers.split(':').nth(2).unwrap().parse().unwrap();
    for name in WRITERS {
        let file = std::fs::metadata(machine.path(&format!("var/log/tornado/{name}/{name}.log"))).unwrap();
        assert!(file.len() > 0, "{name}");
        assert_eq!((file.gid(), file.mode() & 0o7777), (readers, 0o640), "{name}");
    }
    for name in WRITERS {
        wait_for("lines in the archive", Duration::from_secs(20), || {
            let lines = machine.run(&["tornadod", "logs", "query", &format!("service:{name}"), "--json"]);
            let lines = lines.unwrap_or_default();
            Ok(lines.lines().any(|line| line.contains(name)).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{name}: {error}: {:?}", machine.run(&["tornadod", "logs", "status"])));
    }
}

/// Upgrade, removal, installation again, purge.
fn life(release: Release) {
    let machine = Machine::new(release, Network::Separate).unwrap();
    // The dependencies stay after the purge, with users and files that are not ours.
    let dependencies = ["apt-get", "install", "--yes", "--no-install-recommends", "ca-certificates", "nftables", "tor"];
    machine.run(&dependencies).unwrap();
    let before = machine.files().unwrap();

    machine.install(&[Version::Old.package("tornado-server").unwrap()]).unwrap();
    machine.run_with(&["tornadod", "operator", "add", "ada", "--password-stdin"], "correct horse battery\n").unwrap();
    let config = machine.path("etc/tornado/tornado.toml");
    let changed = std::fs::read_to_string(&config).unwrap().replace("#host = ", "host = ");
    std::fs::write(&config, &changed).unwrap();

    let old = processes(&machine);
    let said = machine.install(&[Version::New.package("tornado-server").unwrap()]).unwrap();
    let new = processes(&machine);
    assert!(
        SERVICES.iter().all(|name| old[*name] != new[*name]),
        "the old program still runs: {old:?} {new:?}\n{said}"
    );
    for (name, pid) in &new {
        let program = machine.run(&["readlink", &format!("/proc/{pid}/exe")]).unwrap();
        let expected = if *name == "admin" { "/usr/lib/tornado/tornado-admind" } else { "/usr/bin/tornadod" };
        assert_eq!(program.trim(), expected, "{name} runs the former program");
    }
    assert_eq!(std::fs::read_to_string(&config).unwrap(), changed, "an upgrade keeps the configuration");
    let operators = || json(&machine, &["tornadod", "operator", "list", "--json"]);
    assert!(operators().to_string().contains("ada"), "an upgrade keeps operators");

    let said = machine.run(&["apt-get", "remove", "--yes", "tornado-server"]).unwrap();
    assert!(said.contains("kept /var/lib/tornado (keys, accounts, sessions)"), "{said}");
    assert!(!is_active(&machine, "tornado.service"));
    let running = machine.run(&["sh", "-c", "cat /proc/[0-9]*/comm | grep -c '^tornado' || true"]).unwrap();
    assert_eq!(running.trim(), "0", "processes remain");
    let tables = machine.run(&["nft", "list", "tables"]).unwrap();
    assert!(!tables.contains("tornado"), "{tables}");

    machine.install(&[Version::New.package("tornado-server").unwrap()]).unwrap();
    assert!(operators().to_string().contains("ada"), "a removal keeps the data");

    let said = machine.run(&["apt-get", "purge", "--yes", "tornado-server"]).unwrap();
    for path in ["/var/lib/tornado", "/var/log/tornado"] {
        assert!(said.contains(&format!("removed {path}")), "{said}");
    }
    let changes = changes(&before, &machine.files().unwrap());
    assert!(changes.is_empty(), "the purge leaves traces:\n{}\n{said}", changes.join("\n"));
}

#[test]
fn a_clean_debian_12_becomes_a_running_server() {
    first_installation(Release::Bookworm);
}

#[test]
fn a_clean_debian_13_becomes_a_running_server() {
    first_installation(Release::Trixie);
}

#[test]
fn upgrade_and_removal_keep_data_and_purge_leaves_none_on_debian_12() {
    life(Release::Bookworm);
}

#[test]
fn upgrade_and_removal_keep_data_and_purge_leaves_none_on_debian_13() {
    life(Release::Trixie);
}

#[test]
fn an_account_of_a_person_is_refused() {
    let machine = Machine::new(Release::Bookworm, Network::Separate).unwrap();
    machine.run(&["useradd", "--shell", "/bin/bash", "tornado-auth"]).unwrap();
    let error = machine.install(&[Version::New.package("tornado-server").unwrap()]).unwrap_err().to_string();
    assert!(error.contains("the account tornado-auth (uid 1000) belongs to a person"), "{error}");
    assert!(!machine.path("usr/bin/tornadod").exists());
}
