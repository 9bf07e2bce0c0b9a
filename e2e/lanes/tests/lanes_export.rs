//! Devices that are ordinary WireGuard apps: the exported file goes into Debian's `wg-quick` with wireguard-go, unread.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use tornado_e2e_harness::{DeviceProc, Host, SERVER, wait_for};
use tornado_e2e_lanes::world::{PASSWORD, World};

/// `wg-quick up` of a file; down again when dropped.
struct Quick {
    host: Host,
    path: String,
    interface: String,
}

impl Quick {
    fn up(host: &Host, interface: &str, config: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path = host.dir().join(format!("{interface}.conf"));
        std::fs::write(&path, config).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let quick = Self { host: host.clone(), path: path.display().to_string(), interface: interface.to_owned() };
        // It leaves wireguard-go behind, which must not keep our ends of its outputs.
        let words = format!("wg-quick up {0} >{0}.log 2>&1 || (cat {0}.log >&2; exit 1)", quick.path);
        host.exec(&["sh", "-c", &words]).unwrap();
        quick
    }

    fn handshake(&self) -> bool {
        let shown = self.host.exec(&["wg", "show", &self.interface, "latest-handshakes"]).unwrap();
        !shown.stdout.trim_end().ends_with("\t0")
    }
}

impl Drop for Quick {
    fn drop(&mut self) {
        let words = format!("wg-quick down {0} >{0}.log 2>&1", self.path);
        let _ = self.host.try_exec(&["sh", "-c", &words], Duration::from_secs(10));
    }
}

/// wg-quick sets names by resolvconf, which this machine has not.
fn without_names(config: &str) -> String {
    config.lines().filter(|line| !line.starts_with("DNS")).flat_map(|line| [line, "\n"]).collect()
}

fn export(device: &DeviceProc, words: &[&str]) -> Value {
    let mut all = vec!["export", "--conf", "--json"];
    all.extend(words);
    device.cli_with_password(&all, PASSWORD).unwrap().success().unwrap().json().unwrap()
}

fn seen(world: &World, host: &Host) -> Option<IpAddr> {
    let page = host.http_get_within(world.internet.http_v4(), "/", Duration::from_secs(2));
    page.ok()?.seen_as().ok()
}

fn state(world: &World, device_id: &str) -> Option<String> {
    let sessions = world.sessions().unwrap();
    let own = sessions.iter().find(|session| session["device_id"] == device_id)?;
    Some(own["state"].as_str()?.to_owned())
}

#[test]
fn an_exported_file_works_in_an_ordinary_app_until_it_is_removed() {
    let mut world = World::up(2, "[session]\nheartbeat_ttl = 4\nsweep_interval = 1\n").unwrap();
    let device = world.enrolled(1).unwrap();
    let phone = &world.device_host(2).unwrap().clone();

    let wrong = device.cli_with_password(&["export", "--conf"], "not the password").unwrap();
    assert_eq!(wrong.status.code(), Some(4), "{}{}", wrong.stdout, wrong.stderr);
    let exported = export(&device, &["--device-name", "phone"]);
    let (config, id) = (exported["config"].as_str().unwrap(), exported["device_id"].as_str().unwrap());
    for line in ["MTU = 1420", "AllowedIPs = 0.0.0.0/0, ::/0", "Endpoint = 203.0.113.10:51820", "PresharedKey = "] {
        assert!(config.contains(line), "{line} is not in the file");
    }
    assert!(config.contains("DNS = 10.8.0.1"), "the direct lane's resolver");
    // Its peers wait for it, also while it was never there.
    wait_for("the phone to count as offline", Duration::from_secs(15), || {
        Ok((state(&world, id).as_deref() == Some("offline")).then_some(()))
    })
    .unwrap();
    assert_eq!(world.mesh_get("wg", "/v1/peers").unwrap().as_array().map(Vec::len), Some(2));

    let quick = Quick::up(phone, "tndphone0", &without_names(config));
    wait_for("traffic of the phone", Duration::from_secs(10), || Ok(seen(&world, phone))).unwrap();
    assert_eq!(seen(&world, phone), Some(IpAddr::from(SERVER.v4)));
    wait_for("the phone to count as online", Duration::from_secs(10), || {
        Ok((state(&world, id).as_deref() == Some("online")).then_some(()))
    })
    .unwrap();

    // The whole server starts anew: programmed before the phone says a word.
    world.server.cli(&["restart"]).unwrap().success().unwrap();
    world.server.wait_ready(Duration::from_secs(30)).unwrap();
    wait_for("traffic after a restart of the server", Duration::from_secs(20), || {
        Ok(seen(&world, phone).filter(|seen| *seen == IpAddr::from(SERVER.v4)))
    })
    .unwrap();

    world.server.cli(&["device", "remove", id]).unwrap().success().unwrap();
    assert_eq!(seen(&world, phone), None, "removed is removed");
    assert_eq!(world.mesh_get("wg", "/v1/peers").unwrap(), Value::Array(Vec::new()));
    drop(quick);

    // The tor lane, which is closed in this lab: the tunnel stands, and asks for names at the lane's resolver.
    let exported = export(&device, &["--device-name", "tablet", "--lane", "tor"]);
    let (config, id) = (exported["config"].as_str().unwrap(), exported["device_id"].as_str().unwrap());
    assert!(config.contains("Endpoint = 203.0.113.10:51821") && config.contains("DNS = 10.9.0.1, "), "{config}");
    let quick = Quick::up(phone, "tndphone1", &without_names(config));
    wait_for("a handshake over the tor lane", Duration::from_secs(10), || {
        let _ = seen(&world, phone);
        Ok(quick.handshake().then_some(()))
    })
    .unwrap();
    wait_for("the tablet to count as online", Duration::from_secs(10), || {
        Ok((state(&world, id).as_deref() == Some("online")).then_some(()))
    })
    .unwrap();

    let picture = device.cli_with_password(&["export", "--qr"], PASSWORD).unwrap().success().unwrap();
    assert!(picture.stdout.contains('█') && !picture.stdout.contains("PrivateKey"));
    device.cli(&["connect"]).unwrap().success().unwrap();
    let full = device.cli_with_password(&["export", "--conf"], PASSWORD).unwrap();
    assert!(!full.ok(), "three places, all taken: {}", full.stdout);
}
