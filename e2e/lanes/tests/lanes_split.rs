//! Networks outside the tunnel, captive portals and the stream of the status, through the command line.

use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;
use tornado_e2e_harness::{INTERNET, SERVER};
use tornado_e2e_lanes::world::World;

#[test]
fn chosen_networks_are_reached_outside_the_tunnel() {
    let world = World::up(1, "").unwrap();
    let device = world.enrolled(1).unwrap();
    let host = device.host().clone();
    let clear = [IpAddr::from(world.lab.device_address(1).v4), world.lab.device_address(1).v6.into()].map(Some);
    let through = [IpAddr::from(SERVER.v4), SERVER.v6.into()].map(Some);
    let seen = || {
        [world.internet.http_v4(), world.internet.http_v6()]
            .map(|to| host.http_get_within(to, "/", Duration::from_secs(3)).and_then(|page| page.seen_as()).ok())
    };
    // `tornado watch` reports each change while the others run.
    let mut watching = device.command().unwrap().arg("watch").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut watched = |what: &str, met: &dyn Fn(&serde_json::Value) -> bool| {
        let mut states = lines.by_ref().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        states.find(met).unwrap_or_else(|| panic!("{what}: the stream ended"))
    };

    device.cli(&["lockdown", "always", "--lan", "block"]).unwrap().success().unwrap();
    watched("lockdown", &|status| status["lockdown"] == true);
    assert_eq!(seen(), [None, None]);
    device.cli(&["portal", &INTERNET.v4.to_string()]).unwrap().success().unwrap();
    watched("the portal", &|status| status["portal"]["address"] == INTERNET.v4.to_string());
    assert_eq!(seen(), [clear[0], None], "port 80 of one address");
    let ask = |to| host.udp_ask(to, b"x", Duration::from_millis(500)).ok().flatten();
    assert_eq!(ask(world.internet.echo_v4()), None, "no other port");

    device.cli(&["split", "add", "2001:db8:80::/48"]).unwrap().success().unwrap();
    assert_eq!(seen()[1], clear[1]);
    device.cli(&["connect"]).unwrap().success().unwrap();
    watched("the tunnel", &|status| status["state"] == "connected");
    assert_eq!(seen(), [clear[0], clear[1]], "the portal is still open");
    assert!(ask(world.internet.echo_v6()).is_some());
    let names = host.capture("eth0", "udp port 53").unwrap();
    let _ = ask(std::net::SocketAddr::new(world.internet.echo_v6().ip(), 53));
    assert_eq!(names.stop().unwrap().count(), 0, "a DNS query left for a network outside the tunnel");
    let text = device.cli(&["status"]).unwrap().stdout;
    assert!(text.contains("outside the tunnel: 2001:db8:80::/48"), "{text}");

    device.cli(&["split", "clear"]).unwrap().success().unwrap();
    assert_eq!(seen()[1], through[1]);
    assert_eq!(device.cli(&["split", "add", "0.0.0.0/0"]).unwrap().status.code(), Some(2));
    watching.kill().unwrap();
    watching.wait().unwrap();
}
