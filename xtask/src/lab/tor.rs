//! The private Tor network of a lab that stays.

use super::programs;
use std::ffi::OsString;
use tornado_e2e_harness::{Lab, Relay, RelayKind, SITE, TorNetwork, TorNetworkOptions, TorNetworkRecord, TorServers};

/// Puts it up; it runs on when this process ends.
pub fn up(lab: &Lab) -> anyhow::Result<TorNetworkRecord> {
    println!("starting a private Tor network: about 15 s");
    let own = programs().find("xtask")?.into_os_string();
    let words = |task: &str| vec![own.clone(), OsString::from("lab"), OsString::from(task)];
    let servers = TorServers::Programs { names: words("serve-names"), page: words("serve-internet") };
    let network = TorNetwork::up(lab, TorNetworkOptions { servers, ..TorNetworkOptions::default() })?;
    let record = network.record().clone();
    network.detach();
    Ok(record)
}

/// Says what is there and how it is used.
pub fn tell(network: &TorNetworkRecord, exec: &str) {
    println!("\nTor: {} relays in the host tornet", network.relays.len());
    for Relay { name, addresses, country, .. } in network.relays.iter().filter(|r| r.kind == RelayKind::Exit) {
        println!("  exit {name}   {}  {}   {country}", addresses.v4, addresses.v6);
    }
    println!("  onion     {}   in the host onion", network.onion_address);
    println!("  names     {SITE} and all below it, asked at the exits");
    println!("\nthe server is on it by these lines of its configuration");
    network.server_config().lines().for_each(|line| println!("  {line}"));
    let torrc = network.client_torrc.display();
    println!("\na tor of your own in the server, SOCKS on 9050");
    println!("  {exec} server -- tor -f {torrc} --SocksPort 9050 --DataDirectory /tmp/tor-of-mine");
    println!("  {exec} server -- curl -s --socks5-hostname 127.0.0.1:9050 http://{SITE}/");
}
