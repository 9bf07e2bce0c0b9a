//! The private Tor network itself: clients bootstrap, exits carry traffic, and nothing is left behind.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows measurements")]

use std::net::IpAddr;
use std::time::{Duration, Instant};
use tornado_e2e_harness::{
    HarnessError, INTERNET, Lab, LabOptions, Relay, SITE, SITE_V6, TorClient, TorNetwork, TorNetworkOptions,
    TorNetworkRecord, wait_for,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// One network for all checks, because starting it takes most of the time.
#[test]
fn a_private_tor_network_carries_what_it_should() {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let internet = lab.internet().unwrap();
    let begun = Instant::now();
    let mut network = TorNetwork::up(&lab, TorNetworkOptions::default()).unwrap();
    let server = lab.host("server").unwrap();
    let mut client = TorClient::start(server, &network, "").unwrap();
    let took = client.bootstrapped(PATIENCE).unwrap();
    println!("network {:?}, then a client {took:?}; {:?} from up to 100 %", network.times(), begun.elapsed());
    println!("the client carries after {:?}", client.ready(PATIENCE).unwrap());
    println!("memory in kB: {:?}", network.memory().unwrap());

    by_address_and_by_name(&network, &client);
    assert!(internet.seen().iter().all(|seen| exit_of(&network, seen.from).is_some()), "{:?}", internet.seen());
    assert!(network.queries().iter().all(|query| exit_of(&network, query.from).is_some() || is_exits_host(query.from)));
    onion_service(&mut network, &client);
    drop(client);
    countries_are_selectable(&lab, &network);
    a_silent_network_carries_nothing_until_it_speaks_again(&lab, &mut network);

    let id = lab.id().to_owned();
    assert_eq!(TorNetworkRecord::read(&lab).unwrap(), *network.record());
    drop(network);
    lab.down().unwrap();
    assert_eq!(traces(&id), Vec::<String>::new());
}

fn by_address_and_by_name(network: &TorNetwork, client: &TorClient) {
    let v4 = INTERNET.v4.to_string();
    for (name, is_v6) in [(v4.as_str(), false), (SITE, false), (SITE_V6, true)] {
        let seen_as = client.http_get(name, "/", "first", PATIENCE).unwrap().seen_as().unwrap();
        assert!(exit_of(network, seen_as).is_some(), "{name} was requested by {seen_as}");
        assert!(!is_v6 || seen_as.is_ipv6(), "{name} was requested by {seen_as}");
    }
    assert!(network.queries().iter().any(|query| query.name == SITE), "{:?}", network.queries());
    let refused = client.http_get("nowhere.test", "/", "first", PATIENCE);
    assert!(matches!(refused, Err(HarnessError::Answer { .. })), "{refused:?}");
    let big = client.http_get(SITE, "/bytes/5000000", "first", PATIENCE).unwrap();
    assert_eq!(big.body.len(), 5_000_000);
    println!("5 MB in {:?}", big.took);
}

fn onion_service(network: &mut TorNetwork, client: &TorClient) {
    let begun = Instant::now();
    network.wait_onion(PATIENCE).unwrap();
    let waited = begun.elapsed();
    let reply = client.http_get(network.onion_address(), "/", "onion", PATIENCE).unwrap();
    println!("onion service: waited {waited:?} for it, then {:?} for its page", reply.took);
    assert_eq!(reply.seen_as().unwrap(), IpAddr::from([127, 0, 0, 1]));
    assert_eq!(network.onion_seen().len(), 1);
}

fn countries_are_selectable(lab: &Lab, network: &TorNetwork) {
    let exits: Vec<Relay> = network.exits().cloned().collect();
    assert_eq!(exits.iter().map(|exit| exit.country.as_str()).collect::<Vec<_>>(), ["de", "nl"]);
    for exit in exits {
        let wanted = format!("ExitNodes {{{}}}\nStrictNodes 1", exit.country);
        let mut client = TorClient::start(lab.host("server").unwrap(), network, &wanted).unwrap();
        client.ready(PATIENCE).unwrap();
        for isolation in ["one", "two", "three"] {
            let reply = client.http_get(&INTERNET.v4.to_string(), "/", isolation, PATIENCE).unwrap();
            assert_eq!(reply.seen_as().unwrap(), exit.addresses.v4, "wanted {}", exit.country);
        }
    }
}

fn a_silent_network_carries_nothing_until_it_speaks_again(lab: &Lab, network: &mut TorNetwork) {
    let mut client = TorClient::start(lab.host("server").unwrap(), network, "").unwrap();
    client.ready(PATIENCE).unwrap();
    let get = |within| client.http_get(SITE, "/", "silence", within);
    get(PATIENCE).unwrap();
    network.pause_all().unwrap();
    assert!(matches!(get(Duration::from_secs(2)), Err(HarnessError::Timeout { .. })));
    network.resume_all().unwrap();
    wait_for("the network to carry again", PATIENCE, || Ok(get(Duration::from_secs(5)).ok())).unwrap();
    network.cut().unwrap();
    assert!(matches!(get(Duration::from_secs(2)), Err(HarnessError::Timeout { .. })));
    network.mend().unwrap();
    wait_for("the network to carry again", PATIENCE, || Ok(get(Duration::from_secs(5)).ok())).unwrap();

    // Without exits no connection is possible.
    network.kill_relay("e1").unwrap();
    network.kill_relay("e2").unwrap();
    assert!(network.pause("e1").is_err());
    assert!(network.kill_relay("x1").is_err());
    assert!(get(Duration::from_secs(2)).is_err());
}

fn exit_of(network: &TorNetwork, address: IpAddr) -> Option<&Relay> {
    network.exits().find(|exit| address == exit.addresses.v4 || address == exit.addresses.v6)
}

/// Tor's resolver does not bind to the exit's address; it uses the first address of the exits' host.
fn is_exits_host(address: IpAddr) -> bool {
    address == IpAddr::from([198, 18, 0, 11])
}

/// All names and processes on this machine that contain the lab's name.
fn traces(id: &str) -> Vec<String> {
    let prefix = format!("tnd-{id}-");
    let mut found = Vec::new();
    for dir in ["/run/netns", "/etc/netns", "/run/tornado-lab"] {
        let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        found.extend(names.filter(|name| name == id || name.starts_with(&prefix)).map(|name| format!("{dir}/{name}")));
    }
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    found.extend(processes.filter_map(|process| {
        let words = std::fs::read(process.path().join("cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        words.contains(&format!("/run/tornado-lab/{id}/")).then_some(words)
    }));
    found
}
