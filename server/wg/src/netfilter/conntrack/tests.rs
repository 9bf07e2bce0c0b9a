//! Real flows in a kernel's table. Each test has its own network namespace and is skipped without root.

use super::super::counts::FlowCounts;
use super::*;
use std::net::UdpSocket;
use std::process::Command;

/// Creates a namespace whose loopback tracks flows and drops new ones. Returns false without root.
fn tracking() -> bool {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return false;
    }
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    let rules = "add table inet t; add chain inet t in { type filter hook input priority 0; policy accept; }; \
                 add rule inet t in ct state new drop";
    for command in ["ip link set lo up", "ip address add 10.8.0.2/32 dev lo", "ip address add 10.8.0.3/32 dev lo"] {
        assert!(Command::new("sh").args(["-c", command]).status().unwrap().success(), "{command}");
    }
    assert!(Command::new("nft").arg(rules).status().unwrap().success());
    true
}

fn begin(from: &str, count: usize) {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    for number in 0..count {
        let (host, port) = (number / 60_000 + 1, number % 60_000 + 1_000);
        let _ = socket.send_to(b"x", (format!("127.0.1.{host}"), u16::try_from(port).unwrap()));
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Regression test: 173,217 of 262,136 flows were left to the next holder of the address.
#[tokio::test]
async fn an_address_stays_reserved_until_its_last_flow_has_ended() {
    if !tracking() {
        return;
    }
    let (flows, gone) = (Flows::default(), [address("10.8.0.2")]);
    // A machine with little memory has a smaller table.
    let many = super::max_tracked().map_or(150_000, |most| 150_000.min(most / 4 * 3));
    begin("10.8.0.2", many);
    begin("10.8.0.3", 10);
    assert!(tracked().unwrap() > many / 10 * 9);
    flows.reserve(&gone);
    assert!(flows.is_reserved(&gone) && !flows.is_reserved(&[address("10.8.0.3")]));
    flows.end_all(gone.to_vec()).await;
    while !flows.wait_for(&gone).await {}
    assert_eq!(tracked(), Some(10), "the flows of the other address must remain");
}

#[tokio::test]
async fn an_address_over_its_share_keeps_exactly_its_share() {
    if !tracking() {
        return;
    }
    begin("10.8.0.2", 2_000);
    begin("10.8.0.3", 50);
    let flows = FlowCounts::read(|address| address.is_ipv4()).await.unwrap();
    let mut counts: Vec<_> = flows.counts().collect();
    counts.sort_unstable();
    assert_eq!(counts, [(address("10.8.0.2"), 2_000), (address("10.8.0.3"), 50)]);
    let ended = flows.end_over(|_, count| (count > 100).then_some(100)).await.unwrap();
    assert_eq!(ended, [(address("10.8.0.2"), 1_900)]);
    assert_eq!(tracked(), Some(150));
}
