//! The private Tor network of a permanent lab.

use super::programs;
use std::ffi::OsString;
use tornado_e2e_harness::{Lab, Relay, RelayKind, SITE, TorNetwork, TorNetworkOptions, TorNetworkRecord, TorServers};

/// Starts the network. It keeps running after this process has ended.
pub fn up(lab: &Lab) -> anyhow::Result<TorNetworkRecord> {
    println!("starting a private Tor network (about 15 s)");
    let own = programs().find("xtask")?.into_os_string();
    let words = |task: &str| vec![own.clone(), OsString::from("lab"), OsString::from(task)];
    let servers = TorServers::Programs { names: words("serve-names"), page: words("serve-internet") };
    let network = TorNetwork::up(lab, TorNetworkOptions { servers, ..TorNetworkOptions::default() })?;
    let record = network.record().clone();
    network.detach();
    Ok(record)
}

/// Prints the network and how to use it.
pub fn tell(network: &TorNetworkRecord, exec: &str) {
    println!("\nTor: {} relays in the host tornet", network.relays.len());
    for Relay { name, addresses, country, .. } in network.relays.iter().filter(|r| r.kind == RelayKind::Exit) {
        println!("  exit {name}   {}  {}   {country}", addresses.v4, addresses.v6);
    }
    println!("  onion     {}   in the host onion", network.onion_address);
    println!("  names     {SITE} and its subdomains, resolved at the exits");
    println!("\nthe server uses it with these lines of its configuration");
    network.server_config().lines().for_each(|line| println!("  {line}"));
    let torrc = network.client_torrc.display();
    println!("\nto run another Tor client in the host server, with SOCKS on port 9050");
    println!("  {exec} server -- tor -f {torrc} --SocksPort 9050 --DataDirectory /tmp/tor-of-mine");
    println!("  {exec} server -- curl -s --socks5-hostname 127.0.0.1:9050 http://{SITE}/");
}
