//! Keys rotate twice in a row with a hundred connected devices: no user is logged out and no request fails.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_lanes::world::{PASSWORD, World};
use tornado_shared::model::PrivateKey;

const DEVICES: usize = 100;
/// Maximum number of devices of an account.
const OF_ONE_ACCOUNT: usize = 10;

/// Keys sign soon after their creation, and a login is cheap, because a hundred come at once.
const CONFIG: &str = "[auth]\nkey_lead = 10\nargon2 = { memory_kib = 64, passes = 1, lanes = 1 }\n\n\
     [client_api]\nanonymous_per_minute = 1000000\n";

fn account(device: usize) -> String {
    format!("crowd{}", device / OF_ONE_ACCOUNT)
}

async fn connected(api: SocketAddr, number: usize) -> OriginalClient {
    let mut client = OriginalClient::new(api).unwrap();
    client.login(&account(number), PASSWORD).await.unwrap().ok().unwrap();
    let key = PrivateKey::random().public_key();
    client.post("/vpn/initiate", &json!({ "public_key": key })).await.unwrap().ok().unwrap();
    client
}

/// Sends heartbeats almost continuously and sometimes exchanges the tokens. Any status other than 200 is a failure.
async fn live(
    mut client: OriginalClient,
    number: usize,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
) -> Result<(), String> {
    let mut round = number;
    while !stop.load(Ordering::SeqCst) {
        let answer = match round % 8 {
            7 => client.reauth().await,
            _ => client.post("/session/heartbeat", &json!({})).await,
        };
        let answer = answer.map_err(|e| format!("device {number}: {e:#}"))?;
        if answer.status != 200 {
            return Err(format!("device {number}, round {round}: {answer:?}"));
        }
        done.fetch_add(1, Ordering::SeqCst);
        round += 1;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    Ok(())
}

#[test]
fn two_rotations_in_a_row_log_nobody_out_of_a_hundred_devices() {
    let world = World::up(1, CONFIG).unwrap();
    for device in (0..DEVICES).step_by(OF_ONE_ACCOUNT) {
        world.account(&account(device), u32::try_from(OF_ONE_ACCOUNT).unwrap()).unwrap();
    }
    let (api, stop, done) = (world.api(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (host, count) = (world.device_host(1).unwrap().clone(), done.clone());
    let halt = stop.clone();
    let crowd = std::thread::spawn(move || {
        let everybody = || async move {
            let mut devices = tokio::task::JoinSet::new();
            // One after the other per account: two simultaneous logins would be taken for the same device.
            let mut accounts = tokio::task::JoinSet::new();
            for first in (0..DEVICES).step_by(OF_ONE_ACCOUNT) {
                accounts.spawn(async move {
                    let mut clients = Vec::new();
                    for number in first..first + OF_ONE_ACCOUNT {
                        clients.push((number, connected(api, number).await));
                    }
                    clients
                });
            }
            while let Some(clients) = accounts.join_next().await {
                for (number, client) in clients.unwrap() {
                    devices.spawn(live(client, number, halt.clone(), count.clone()));
                }
            }
            let mut failures = Vec::new();
            while let Some(ended) = devices.join_next().await {
                failures.extend(ended.unwrap().err());
            }
            failures
        };
        host.block_on(everybody).unwrap()
    });
    world.wait_sessions(DEVICES, Duration::from_secs(120)).unwrap();
    let kids = |world: &World| -> Vec<Value> {
        let status = world.server.json(&["keys", "status"]).unwrap();
        status["keys"].as_array().unwrap().iter().map(|key| key["id"].clone()).collect()
    };
    let before = kids(&world);
    let rounds = |least: usize| {
        let from = done.load(Ordering::SeqCst);
        while done.load(Ordering::SeqCst) < from + least {
            assert!(!crowd.is_finished(), "all devices have stopped");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    rounds(500);
    world.server.cli(&["keys", "rotate"]).unwrap().success().unwrap();
    world.server.cli(&["keys", "rotate"]).unwrap().success().unwrap();
    assert!(kids(&world).iter().any(|id| !before.contains(id)), "there must be new keys");
    // A new key signs once all services had time to load it.
    let lead = Instant::now() + Duration::from_secs(14);
    while Instant::now() < lead {
        rounds(100);
    }
    rounds(2_000);
    stop.store(true, Ordering::SeqCst);
    let failures = crowd.join().unwrap();
    assert!(failures.is_empty(), "{} of {DEVICES} failed: {:?}", failures.len(), failures.first());
    assert_eq!(world.sessions().unwrap().len(), DEVICES);
    println!("{} requests, none failed", done.load(Ordering::SeqCst));
}
