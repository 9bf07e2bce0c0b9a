//! The cost of every idle process: a server with twenty connected, idle devices, and the helper of such a device.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tornado_e2e_harness::{Cost, DeviceProc, Spent};
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_lanes::world::{PASSWORD, World};
use tornado_shared::model::PrivateKey;

/// Devices with a helper and a tunnel.
const WHOLE: u16 = 3;
/// Devices with a session and peers, whose tunnels carry no traffic.
const SILENT: u16 = 17;
/// Maximum number of devices of an account.
const OF_ONE_ACCOUNT: u16 = 10;
/// Duration of the measurement.
const MINUTE: Duration = Duration::from_secs(60);
/// Maximum wake-ups of a process per second. With these devices `wg` has 19, `telemetry` 18, `session` 12, a helper 9,
/// `client-api` 6 and each of the others at most 5 on machines of every speed; a timer or a watch that never rests has
/// hundreds.
const WAKEUPS: f64 = 24.0;
/// The same for `wg`, which reads netlink, and drives two interfaces and the canary.
const WAKEUPS_OF_WG: f64 = 40.0;
/// The same for `telemetry`, which reads the metrics of all processes and of the host each second.
const WAKEUPS_OF_TELEMETRY: f64 = 80.0;
/// Maximum share of a core, percent: a process that never sleeps takes far more on any machine. The cost of a wake-up
/// depends on the machine and on optimisation, so the bench `control` checks the 0.3 % of the product.
const PERCENT: f64 = 5.0;

const CONFIG: &str = "[auth]\nargon2 = { memory_kib = 64, passes = 1, lanes = 1 }\n\n\
     [client_api]\nanonymous_per_minute = 1000000\n";

/// API client of connected, idle devices: one heartbeat within each 45 s.
async fn silent(api: SocketAddr, go: Arc<AtomicBool>) {
    let mut clients = Vec::new();
    for number in 0..SILENT {
        let mut client = OriginalClient::new(api).unwrap();
        let account = format!("crowd{}", number / OF_ONE_ACCOUNT);
        client.login(&account, PASSWORD).await.unwrap().ok().unwrap();
        let key = PrivateKey::random().public_key();
        client.post("/vpn/initiate", &json!({ "public_key": key })).await.unwrap().ok().unwrap();
        clients.push(client);
    }
    while !go.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for client in &clients {
        client.post("/session/heartbeat", &json!({})).await.unwrap().ok().unwrap();
        tokio::time::sleep(MINUTE / u32::from(SILENT)).await;
    }
}

#[test]
fn no_process_is_busy_while_twenty_devices_are_idle() {
    let world = World::up(WHOLE + 1, CONFIG).unwrap();
    let devices: Vec<DeviceProc> = (1..=WHOLE).map(|number| world.enrolled(number).unwrap()).collect();
    for device in &devices {
        device.cli(&["connect"]).unwrap().success().unwrap();
    }
    for account in 0..SILENT.div_ceil(OF_ONE_ACCOUNT) {
        world.account(&format!("crowd{account}"), OF_ONE_ACCOUNT.into()).unwrap();
    }
    // Not from a device's host: its firewall lets no other program reach the API.
    let host = world.device_host(WHOLE + 1).unwrap().clone();
    let (api, go) = (world.api(), Arc::new(AtomicBool::new(false)));
    let start = go.clone();
    let silent = std::thread::spawn(move || host.block_on(|| silent(api, start)).unwrap());
    world.wait_sessions(usize::from(WHOLE + SILENT), Duration::from_secs(60)).unwrap();
    let mut processes = world.processes().unwrap();
    assert!(processes.len() >= 8, "{processes:?}");
    for (number, device) in devices.iter().enumerate() {
        processes.insert(format!("helper{number}"), device.helper().unwrap().pid());
    }

    let spent = || -> BTreeMap<&String, Spent> {
        processes.iter().map(|(name, pid)| (name, Spent::of(*pid).unwrap())).collect()
    };
    let before = spent();
    go.store(true, Ordering::SeqCst);
    std::thread::sleep(MINUTE);
    let cost: BTreeMap<&String, Cost> =
        spent().into_iter().map(|(name, now)| (name, now.since(&before[name]))).collect();
    for (name, Cost { percent, wakeups }) in &cost {
        println!("{name}: {percent:.2} % of a core, {wakeups:.1} wake-ups a second");
    }
    world.wait_sessions(usize::from(WHOLE + SILENT), Duration::from_secs(30)).unwrap();
    silent.join().unwrap();
    let most = |name: &str| match name {
        "wg" => WAKEUPS_OF_WG,
        "telemetry" => WAKEUPS_OF_TELEMETRY,
        _ => WAKEUPS,
    };
    let busy: Vec<_> = cost.iter().filter(|(name, cost)| cost.wakeups > most(name) || cost.percent > PERCENT).collect();
    assert!(busy.is_empty(), "awake too often while nothing happens: {busy:.2?}");
}
