//! Devices that are ordinary WireGuard apps: the exported file goes unmodified into Debian's `wg-quick` with
//! wireguard-go.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::{Value, json};
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;
use tornado_e2e_harness::{DeviceProc, Host, SERVER, wait_for};
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_lanes::world::{PASSWORD, World};

/// Runs `wg-quick up` on a file, and `wg-quick down` on drop.
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
        // It leaves wireguard-go running, which must not keep the test's output pipes open.
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

/// Without its DNS lines: wg-quick needs resolvconf for them, which this machine does not have.
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
fn an_exported_device_works_until_it_is_removed() {
    let mut world = World::up(2, "[session]\nheartbeat_ttl = 4\nsweep_interval = 1\nstats_interval = 1\n").unwrap();
    let device = world.enrolled(1).unwrap();
    let phone = &world.device_host(2).unwrap().clone();

    let wrong = device.cli_with_password(&["export", "--conf"], "not the password").unwrap();
    assert_eq!(wrong.status.code(), Some(4), "{}{}", wrong.stdout, wrong.stderr);
    let exported = export(&device, &["--device-name", "phone"]);
    let (config, id) = (exported["config"].as_str().unwrap(), exported["device_id"].as_str().unwrap());
    for line in ["MTU = 1420", "AllowedIPs = 0.0.0.0/0, ::/0", "Endpoint = 203.0.113.10:51820", "PresharedKey = "] {
        assert!(config.contains(line), "{line} is not in the file");
    }
    assert!(config.contains("DNS = 10.8.0.1"), "the file must name the direct lane's resolver");
    // The server keeps its peers, also when the phone was never online.
    wait_for("the phone to count as offline", Duration::from_secs(15), || {
        Ok((state(&world, id).as_deref() == Some("offline")).then_some(()))
    })
    .unwrap();
    assert_eq!(world.server.mesh("wg").get("/v1/peers").unwrap().as_array().map(Vec::len), Some(2));

    let quick = Quick::up(phone, "tndphone0", &without_names(config));
    wait_for("traffic of the phone", Duration::from_secs(10), || Ok(seen(&world, phone))).unwrap();
    assert_eq!(seen(&world, phone), Some(IpAddr::from(SERVER.v4)));
    wait_for("the phone to count as online", Duration::from_secs(10), || {
        Ok((state(&world, id).as_deref() == Some("online")).then_some(()))
    })
    .unwrap();

    // The whole server restarts: its peers are configured before the phone sends anything.
    world.server.restart_all(Duration::from_secs(30)).unwrap();
    wait_for("traffic after a restart of the server", Duration::from_secs(20), || {
        Ok(seen(&world, phone).filter(|seen| *seen == IpAddr::from(SERVER.v4)))
    })
    .unwrap();

    world.server.cli(&["device", "remove", id]).unwrap().success().unwrap();
    assert_eq!(seen(&world, phone), None, "a removed device must not get traffic");
    assert_eq!(world.server.mesh("wg").get("/v1/peers").unwrap(), Value::Array(Vec::new()));
    drop(quick);

    an_operators_file_works_too(&world, phone);

    // The tor lane, which is closed in this lab: the tunnel is up and the app uses the lane's resolver.
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
    let devices = |world: &World| world.server.json(&["device", "list", "user1"]).unwrap().as_array().unwrap().len();
    let before = devices(&world);
    for _ in 0..3 {
        let full = device.cli_with_password(&["export", "--conf"], PASSWORD).unwrap();
        assert!(!full.ok(), "all three device slots are in use: {}", full.stdout);
    }
    assert!(!world.server.cli(&["device", "export", "user1", "--conf"]).unwrap().ok());
    assert_eq!(devices(&world), before, "a rejected export must not create a device");
    sees_and_removes_what_is_its_own(&world, &device, id);
    logs_in_with_a_second_factor(&world, &device);
    hears_of_its_quota(&world, &device);
    assert_eq!(device.trapped(), Vec::<String>::new(), "it ran a file that a user had placed there");
}

/// The code of an authenticator, `steps` times 30 seconds from now.
fn code(secret: &str, steps: u64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let totp = totp_rs::Builder::new().with_algorithm(totp_rs::Algorithm::SHA1).with_secret(secret).build().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    totp.generate(now + steps * 30).to_string()
}

/// The same with a device created on the server for a user who never logs in.
fn an_operators_file_works_too(world: &World, phone: &Host) {
    let issued = world.server.json(&["device", "export", "user1", "--name", "desk phone"]).unwrap();
    let (config, id) = (issued["config"].as_str().unwrap(), issued["device_id"].as_str().unwrap());
    assert!(config.starts_with("# Tornado VPN: desk phone, direct lane.") && config.contains("PresharedKey = "));
    let quick = Quick::up(phone, "tndphone2", &without_names(config));
    wait_for("traffic of the operator's device", Duration::from_secs(10), || {
        Ok(seen(world, phone).filter(|seen| *seen == IpAddr::from(SERVER.v4)))
    })
    .unwrap();
    let trail = world.server.json(&["audit", "list", "--action", "device."]).unwrap();
    assert!(trail.to_string().contains("device.issue") && !trail.to_string().contains("PrivateKey"), "{trail}");
    world.server.cli(&["device", "remove", id]).unwrap().success().unwrap();
    assert_eq!(seen(world, phone), None, "a removed device must not get traffic");
    drop(quick);
    assert_eq!(world.server.cli(&["device", "export", "nobody", "--conf"]).unwrap().status.code(), Some(4));
    let picture = world.server.cli(&["device", "export", "user1", "--qr", "--lane", "tor"]).unwrap().success().unwrap();
    assert!(picture.stdout.contains('█') && !picture.stdout.contains("PrivateKey"));
    let listed = world.server.json(&["device", "list", "user1"]).unwrap();
    let drawn = listed.as_array().unwrap().iter().find(|device| device["name"] == "wireguard").unwrap();
    world.server.cli(&["device", "remove", drawn["id"].as_str().unwrap()]).unwrap().success().unwrap();
}

/// Usage, sessions and devices of the account on the device's command line.
fn sees_and_removes_what_is_its_own(world: &World, device: &DeviceProc, tablet: &str) {
    device.cli(&["connect"]).unwrap().success().unwrap();
    world.server.cli(&["user", "set", "user1", "--quota", "1gb"]).unwrap().success().unwrap();
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    wait_for("the account's usage", Duration::from_secs(10), || {
        let _ = seen(world, device.host());
        let usage = device.json(&["usage"])?;
        Ok((usage["today"]["direct"]["rx_bytes"].as_u64() > Some(0)).then_some(()))
    })
    .unwrap();
    let usage = device.json(&["usage"]).unwrap();
    assert_eq!(usage["quota"]["bytes"], 1_000_000_000, "{usage}");
    assert!(usage["total"]["direct"]["rx_bytes"].as_u64() >= usage["today"]["direct"]["rx_bytes"].as_u64());
    let shown = device.cli(&["status"]).unwrap().success().unwrap().stdout;
    assert!(shown.contains("today,") && shown.contains("of the quota used"), "{shown}");
    assert!(!shown.contains("WARNING"), "{shown}");

    let page = device.json(&["sessions", "--limit", "2"]).unwrap();
    let own = device.json(&["devices"]).unwrap();
    assert_eq!(
        (page["sessions"][0]["device_id"].clone(), page["sessions"][0]["ended_at"].clone()),
        (own["own"].clone(), Value::Null)
    );
    let theirs = world.server.json(&["session", "history", "--user", "user1", "--limit", "2"]).unwrap();
    assert_eq!(theirs[0]["session_id"], page["sessions"][0]["session_id"], "operators must see the same session");
    let rest = device.json(&["sessions", "--before", page["next"].as_str().unwrap()]).unwrap();
    assert!(!rest["sessions"].as_array().unwrap().is_empty(), "{rest}");

    assert!(own["devices"].as_array().unwrap().iter().any(|known| known["id"] == tablet), "{own}");
    let left = device.json(&["devices", "--remove", tablet]).unwrap();
    assert!(!left["devices"].as_array().unwrap().iter().any(|known| known["id"] == tablet), "{left}");
    assert_eq!(state(world, tablet), None, "its tunnel must end");
    let again = device.cli(&["devices", "--remove", tablet]).unwrap();
    assert_eq!(again.status.code(), Some(4), "{}{}", again.stdout, again.stderr);
}

/// Sends datagrams that are echoed, about `bytes` in total. Returns the payload of those that came back, both ways: at
/// least so much is counted.
fn spend(world: &World, host: &Host, bytes: u64) -> u64 {
    let to = world.internet.echo_v4();
    host.enter(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut echoed = 0;
        for _ in 0..bytes / 2120 {
            // The helper blocks traffic once the quota is used up, possibly before the last datagram.
            if socket.send_to(&[7; 1000], to).is_err() {
                break;
            }
            // A lost datagram is not repeated.
            if socket.recv(&mut [0; 1500]).is_ok() {
                echoed += 2000;
            }
        }
        echoed
    })
    .unwrap()
}

/// The server tells a device immediately, over its event stream, when little of the quota is left and when it is used
/// up.
fn hears_of_its_quota(world: &World, device: &DeviceProc) {
    const QUOTA: u64 = 2_000_000;
    world.server.cli(&["user", "set", "user1", "--quota", "2mb"]).unwrap().success().unwrap();
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let mut command = device.command().unwrap();
    command.args(["status", "--watch", "--json"]);
    let watched = device.host().spawn("watch", command).unwrap();
    let used = || device.json(&["usage"]).map(|usage| usage["quota"]["used"].as_u64().unwrap());
    for _ in 0..20 {
        let before = used().unwrap();
        assert!(
            before > QUOTA / 2 || !watched.stdout().unwrap().contains("quota_nearly_used"),
            "warned too early: {before}"
        );
        if before >= QUOTA / 100 * 81 {
            break;
        }
        // In steps that are counted before the next one, so that the warning comes before the end.
        let step = (QUOTA / 100 * 84 - before).min(QUOTA / 4);
        let spent = spend(world, device.host(), step);
        wait_for("what was spent to be counted", Duration::from_secs(10), || {
            Ok((used()? >= before + spent).then_some(()))
        })
        .unwrap();
    }
    wait_for("the warning", Duration::from_secs(20), || {
        Ok(watched.stdout()?.contains("quota_nearly_used").then_some(()))
    })
    .unwrap();
    spend(world, device.host(), QUOTA / 2);
    wait_for("the quota to be used up", Duration::from_secs(20), || {
        let status = device.json(&["status"])?;
        let reason = status["reason"].as_str().unwrap_or_default();
        Ok((status["state"] == "blocked" && reason.contains("this account has used its")).then_some(()))
    })
    .unwrap();
}

/// The owner enables a second factor: from then on logins and exports require a code.
fn logs_in_with_a_second_factor(world: &World, device: &DeviceProc) {
    let api = world.api();
    let (secret, recovery) = device
        .host()
        .block_on(|| async {
            let mut owner = OriginalClient::new(api).unwrap();
            owner.login("user1", PASSWORD).await.unwrap().ok().unwrap();
            let offer = owner.post("/v2/me/totp", &json!({ "password": PASSWORD })).await.unwrap().ok().unwrap();
            let secret = offer["secret"].as_str().unwrap().to_owned();
            let codes = owner.put("/v2/me/totp", &json!({ "code": code(&secret, 0) })).await.unwrap().ok().unwrap();
            (secret, codes["codes"][0].as_str().unwrap().to_owned())
        })
        .unwrap();
    let asked = device.cli_with_password(&["login"], PASSWORD).unwrap();
    assert_eq!(asked.status.code(), Some(4), "{}{}", asked.stdout, asked.stderr);
    assert!(asked.stderr.contains("--totp-stdin"), "{}", asked.stderr);
    let wrong = device.cli_with_code(&["login"], PASSWORD, "000000").unwrap();
    assert_eq!(wrong.status.code(), Some(4), "{}{}", wrong.stdout, wrong.stderr);
    // The current code was used to confirm the factor; the next one is accepted already.
    let next = code(&secret, 1);
    device.cli_with_code(&["login"], PASSWORD, &next).unwrap().success().unwrap();
    let twice = device.cli_with_code(&["export", "--conf"], PASSWORD, &next).unwrap();
    assert_eq!(twice.status.code(), Some(4), "a code must work only once: {}{}", twice.stdout, twice.stderr);
    let exported = device.cli_with_code(&["export", "--conf"], PASSWORD, &recovery).unwrap().success().unwrap();
    assert!(exported.stdout.contains("PrivateKey = "));
}
