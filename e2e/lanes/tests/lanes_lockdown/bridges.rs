//! Containers and virtual machines of the device.

use super::place::Place;
use std::time::Duration;
use tornado_e2e_harness::SERVER;
use tornado_e2e_harness::lan::NEIGHBOUR;

/// A container behind a bridge of the device, as container engines create it.
#[test]
fn bridges_can_stay_reachable_while_the_local_network_is_blocked() {
    let place = Place::new();
    let (host, device) = (&place.host, place.world.enroll(1, place.device()).unwrap());
    // Created outside of the device: a mount in its namespace would end with the command. The lab removes it.
    let container = format!("{}c", host.namespace());
    let added = std::process::Command::new("ip").args(["netns", "add", &container]).status().unwrap();
    assert!(added.success());
    host.exec(&[
        "sh",
        "-ec",
        &format!(
            "ip link add br-c type bridge; ip addr add 172.29.0.1/24 dev br-c; ip link set br-c up
         ip link add vethc type veth peer name eth0 netns {container}; ip link set vethc master br-c up
         ip -n {container} link set lo up; ip -n {container} link set eth0 up
         ip -n {container} addr add 172.29.0.2/24 dev eth0; ip -n {container} route add default via 172.29.0.1
         echo 1 > /proc/sys/net/ipv4/ip_forward
         nft 'add table ip engine; add chain ip engine out {{ type nat hook postrouting priority srcnat; }}
              add rule ip engine out ip saddr 172.29.0.0/24 oifname != \"br-c\" masquerade'"
        ),
    ])
    .unwrap();
    let seen_as = || {
        let curl = ["ip", "netns", "exec", &container, "curl", "-s", "-m", "3"];
        let url = format!("http://{}/", place.world.internet.http_v4());
        let page = host.try_exec(&[&curl[..], &[&url]].concat(), Duration::from_secs(20)).unwrap();
        page.ok().then_some(page.stdout)
    };
    let to_container = || host.try_exec(&["ping", "-c1", "-W2", "172.29.0.2"], Duration::from_secs(20)).unwrap().ok();
    let to_neighbour =
        || host.try_exec(&["ping", "-c1", "-W2", &NEIGHBOUR.to_string()], Duration::from_secs(20)).unwrap().ok();
    assert!(to_container(), "before lockdown");
    assert!(to_neighbour(), "before lockdown");
    assert!(seen_as().is_some(), "before lockdown");

    let capture = place.capture();
    device.cli(&["lockdown", "always", "--lan", "block", "--bridges", "allow"]).unwrap().success().unwrap();
    assert!(to_container() && !to_neighbour());
    assert_eq!(seen_as(), None, "a container must not bypass lockdown");
    device.cli(&["connect"]).unwrap().success().unwrap();
    assert!(to_container() && !to_neighbour());
    let page = seen_as().unwrap();
    assert!(page.contains(&SERVER.v4.to_string()), "the container uses the tunnel: {page}");
    device.cli(&["lockdown", "--bridges", "block"]).unwrap().success().unwrap();
    assert!(!to_container() && seen_as().is_none());
    device.cli(&["lockdown", "--lan", "allow"]).unwrap().success().unwrap();
    assert!(to_container() && seen_as().is_some() && to_neighbour());
    let seen = capture.stop().unwrap();
    let others: Vec<_> = seen.lines().iter().filter(|line| !line.contains(&NEIGHBOUR.to_string())).collect();
    assert!(others.is_empty(), "{others:#?}");
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    device.cli(&["lockdown", "off"]).unwrap().success().unwrap();
    assert!(seen_as().is_some() && to_container() && to_neighbour());
}
