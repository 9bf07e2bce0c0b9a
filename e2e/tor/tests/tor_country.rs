//! Exit countries: each device leaves Tor in its chosen country, through a Tor process for that country, and nowhere
//! else.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows measurements")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tornado_contracts::tor::{CountryTor, TorProcess};
use tornado_e2e_harness::{DeviceProc, Host, Output, SITE, patient, wait_for};
use tornado_e2e_tor::egress::Egress;
use tornado_e2e_tor::load::{self, Outcome};
use tornado_e2e_tor::world::{PATIENCE, TorWorld};
use tornado_shared::api::TorView;

/// Time limit for a device to be told that its country is not ready.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn devices_leave_in_the_countries_they_chose() {
    let lab = TorWorld::up(2, |_| Ok(())).unwrap();
    let (one, two) = (lab.on_the_tor_lane(1).unwrap(), lab.on_the_tor_lane(2).unwrap());
    lab.wait_open().unwrap();
    let egress = Egress::watch(lab.world.lab.host("server").unwrap()).unwrap();

    two_devices_in_two_countries(&lab, &one, &two);
    another_country_is_another_exit_and_ends_what_ran(&lab, &one);
    a_killed_tor_of_a_country_refuses_its_devices_only(&lab, &one, &two);
    the_lane_is_for_all(&lab, &one, &two);
    restarts_keep_the_choice(&lab, &one);
    what_is_not_there_is_refused(&lab, &one);
    egress.stop().unwrap().must_be_tor_only("exit countries");
}

fn two_devices_in_two_countries(lab: &TorWorld, one: &DeviceProc, two: &DeviceProc) {
    let nothing = view(one);
    assert_eq!(
        (nothing.exit, nothing.path.is_none(), nothing.no_path.as_deref()),
        (None, true, Some("nothing was sent yet"))
    );
    let mut offered: Vec<_> = nothing.countries.iter().map(|c| (c.country.to_string(), c.exits)).collect();
    offered.sort_unstable();
    assert_eq!(offered, [("de".into(), 1), ("nl".into(), 1)]);

    let started = Instant::now();
    choose(one, "de");
    choose(two, "nl");
    // Until its Tor is ready a device gets errors: it never exits elsewhere.
    while !(view(one).ready && view(two).ready) {
        for (device, country) in [(one, "de"), (two, "nl")] {
            if let Some(seen) = page_now(lab, device.host()) {
                assert_eq!(country_of(lab, seen), country, "traffic exited elsewhere before the country was ready");
            }
        }
        assert!(started.elapsed() < PATIENCE, "{:#?}", countries(lab));
    }
    println!("two countries ready after {:?}", started.elapsed());
    for round in 0..3 {
        assert_eq!(country_of(lab, page(lab, one.host())), "de", "round {round}");
        assert_eq!(country_of(lab, page(lab, two.host())), "nl", "round {round}");
    }
    for (device, country) in [(one, "de"), (two, "nl")] {
        shown(lab, device, country);
        let by_socks = curl(device.host(), &["--socks5-hostname", "10.9.0.1:9050", &format!("http://{SITE}/")]);
        let seen: IpAddr = by_socks.success().unwrap().stdout.trim().parse().unwrap();
        assert_eq!(country_of(lab, seen), country, "over SOCKS");
    }
}

fn another_country_is_another_exit_and_ends_what_ran(lab: &TorWorld, device: &DeviceProc) {
    let mut running = device
        .host()
        .enter(|| std::net::TcpStream::connect_timeout(&lab.world.internet.http_v4(), Duration::from_secs(20)).unwrap())
        .unwrap();
    choose(device, "nl");
    let started = Instant::now();
    let ended = device
        .host()
        .enter(|| {
            use std::io::{Read as _, Write as _};
            running.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            running.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").and_then(|()| running.read(&mut [0; 64]))
        })
        .unwrap();
    assert!(!matches!(ended, Ok(read) if read > 0), "a flow continued through the previous country: {ended:?}");
    assert!(started.elapsed() < patient(AT_ONCE), "the flow hung for {:?}", started.elapsed());
    assert_eq!(country_of(lab, page(lab, device.host())), "nl");
    shown(lab, device, "nl");
    choose(device, "any");
    page(lab, device.host());
    assert_eq!(view(device).exit, None);
    choose(device, "de");
    until_ready(lab, device);
    assert_eq!(country_of(lab, page(lab, device.host())), "de");
}

fn a_killed_tor_of_a_country_refuses_its_devices_only(lab: &TorWorld, one: &DeviceProc, two: &DeviceProc) {
    let tor = |country: &str| countries(lab).into_iter().find(|tor| tor.country.as_str() == country).unwrap();
    let TorProcess::Running { pid, .. } = tor("de").process else { panic!("{:#?}", tor("de")) };
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    let killed = Instant::now();
    wait_for("its devices to be rejected", AT_ONCE * 2, || {
        Ok(lab.wg().is_ok_and(|wg| !wg.tor_exits.contains_key(&"de".parse().unwrap())).then_some(()))
    })
    .unwrap();
    println!("rejected {:?} after kill -9", killed.elapsed());
    let asked = Instant::now();
    let outcome = one.host().enter(|| load::ask(lab.world.internet.http_v4(), Duration::from_secs(3))).unwrap();
    if !lab.wg().unwrap().tor_exits.contains_key(&"de".parse().unwrap()) {
        assert_eq!(outcome, Outcome::Cut);
        assert!(asked.elapsed() < patient(AT_ONCE), "{:?}", asked.elapsed());
    }
    assert_eq!(country_of(lab, page(lab, two.host())), "nl", "the other device must not be affected");
    until_ready(lab, one);
    println!("ready again {:?} after kill -9", killed.elapsed());
    assert_eq!(country_of(lab, page(lab, one.host())), "de");
}

fn the_lane_is_for_all(lab: &TorWorld, one: &DeviceProc, two: &DeviceProc) {
    lab.order("down").unwrap();
    lab.wait_maintenance().unwrap();
    for device in [one, two] {
        let outcome = device.host().enter(|| load::ask(lab.world.internet.http_v4(), Duration::from_secs(3))).unwrap();
        assert_eq!(outcome, Outcome::Maintenance);
        assert!(!view(device).ready);
    }
    lab.order("up").unwrap();
    lab.wait_open().unwrap();
    for (device, country) in [(one, "de"), (two, "nl")] {
        until_ready(lab, device);
        assert_eq!(country_of(lab, page(lab, device.host())), country);
    }
}

fn restarts_keep_the_choice(lab: &TorWorld, device: &DeviceProc) {
    for service in ["session", "wg", "tor"] {
        let before = lab.world.server.kill_service(service).unwrap();
        wait_for("the service to be back", PATIENCE, || {
            Ok(lab.world.server.pid_of(service).is_ok_and(|pid| pid != before).then_some(()))
        })
        .unwrap();
        lab.wait_open().unwrap();
        until_ready(lab, device);
        assert_eq!(country_of(lab, page(lab, device.host())), "de", "after killing {service}");
    }
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    device.cli(&["connect", "--lane", "tor"]).unwrap().success().unwrap();
    until_ready(lab, device);
    assert_eq!(view(device).exit, Some("de".parse().unwrap()));
    assert_eq!(country_of(lab, page(lab, device.host())), "de");
}

fn what_is_not_there_is_refused(lab: &TorWorld, device: &DeviceProc) {
    let refused = device.cli(&["lane", "tor", "--exit-country", "fr"]).unwrap();
    assert!(!refused.ok(), "{refused:?}");
    assert!(refused.stderr.contains("no exit"), "{refused:?}");
    assert_eq!(view(device).exit, Some("de".parse().unwrap()));
    assert_eq!(country_of(lab, page(lab, device.host())), "de");
}

fn choose(device: &DeviceProc, country: &str) {
    device.cli(&["lane", "tor", "--exit-country", country]).unwrap().success().unwrap();
}

fn view(device: &DeviceProc) -> TorView {
    wait_for("the status of the lane", PATIENCE, || Ok(try_view(device))).unwrap()
}

fn try_view(device: &DeviceProc) -> Option<TorView> {
    let answer = device.cli(&["--json", "exits"]).ok()?;
    serde_json::from_str(&answer.stdout).ok()
}

fn until_ready(lab: &TorWorld, device: &DeviceProc) {
    let waited = wait_for("the device's country to be ready", PATIENCE, || {
        Ok(try_view(device).filter(|view| view.ready).map(drop))
    });
    assert!(waited.is_ok(), "{waited:?}: {:#?} {:#?}", view(device), countries(lab));
}

/// Returns the device's own status of its path through Tor, after it requested a page.
fn shown(lab: &TorWorld, device: &DeviceProc, country: &str) {
    let seen = page(lab, device.host());
    let path = wait_for("the path to be shown", PATIENCE, || Ok(view(device).path.filter(|p| !p.hops.is_empty())));
    let path = path.unwrap();
    assert_eq!(path.exit_country, Some(country.parse().unwrap()), "{path:#?}");
    assert_eq!(path.exit_address, Some(seen), "{path:#?}");
    assert_eq!(path.hops.len(), 3, "{path:#?}");
}

fn countries(lab: &TorWorld) -> Vec<CountryTor> {
    serde_json::from_value(lab.world.server.mesh("tor").get("/v1/countries").unwrap()).unwrap()
}

/// Returns the country of an exit by its address; an exit has two addresses.
fn country_of(lab: &TorWorld, seen: IpAddr) -> String {
    let exit = lab.network.exits().find(|exit| seen == exit.addresses.v4 || seen == exit.addresses.v6);
    exit.map_or_else(|| format!("{seen} is not an exit"), |exit| exit.country.clone())
}

fn page(lab: &TorWorld, host: &Host) -> IpAddr {
    wait_for("a page through the lane", PATIENCE, || Ok(page_now(lab, host))).unwrap()
}

fn page_now(lab: &TorWorld, host: &Host) -> Option<IpAddr> {
    let to: SocketAddr = lab.world.internet.http_v4();
    host.http_get(to, "/").ok().filter(|reply| reply.status == 200)?.seen_as().ok()
}

fn curl(host: &Host, words: &[&str]) -> Output {
    let all = [&["curl", "--silent", "--show-error", "--max-time", "20"], words].concat();
    host.try_exec(&all, Duration::from_secs(30)).unwrap()
}
