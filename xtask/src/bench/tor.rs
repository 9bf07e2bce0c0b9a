//! Compares the tor lane with a plain SOCKS client of the same Tor process.

use super::tor_load::{self, Way};
use super::{Bench, Goal, Options, Report, Rounds, Sample, cpu_seconds, mebi, prepare_lab, resident_bytes, tor_world};
use crate::machine::programs::Need;
use std::net::{IpAddr, Ipv4Addr};
use tor_world::TorWorld;

/// Number of parallel streams.
const STREAMS: usize = 4;
/// Number of small requests in a measurement.
const REQUESTS: usize = 40;
/// Throughput of a good circuit in the public network, in bytes per second. Tor is limited to it in the second
/// comparison.
const PACE: u32 = 4_000_000;
/// Number of devices in the memory measurement.
const DEVICES: u16 = 1_000;
/// Unused addresses in the range as which Tor sees devices.
const HELD: Ipv4Addr = Ipv4Addr::new(100, 127, 0, 0);

/// The bench `tor`, on a private Tor network.
pub const BENCH: Bench = Bench {
    name: "tor",
    about: "the tor lane (device, WireGuard, TransPort) against a SOCKS client of the same Tor, on a private Tor network",
    prepare,
    run,
};

fn prepare() -> anyhow::Result<()> {
    prepare_lab(&[Need::Server, Need::Test], &["tornadod", "tornado-helper", "tornado-cli"])
}

fn run(options: &Options) -> anyhow::Result<Report> {
    let world = TorWorld::up()?;
    let contestants = ["lane", "socks", "lane, paced", "socks, paced", "one Tor", "two Tors"];
    let mut turn = 0;
    let rounds = Rounds::run(options.rounds, &contestants, |name| {
        turn += 1;
        match name {
            "one Tor" => many(&world, turn, 1, options.seconds),
            "two Tors" => many(&world, turn, 2, options.seconds),
            _ => one(&world, name, turn, options.seconds),
        }
    });
    let mut report = Report::of(&rounds);
    let ratio = |figure: &str, of: &str, base: &str| rounds.ratio(figure, of, base).map(|figure| figure.median);
    for (name, of, base) in
        [("lane / SOCKS", "lane", "socks"), ("lane / SOCKS, Tor held to 4 MB/s", "lane, paced", "socks, paced")]
    {
        report.goal(Goal::at_least(&format!("throughput, {name}"), 0.95, ratio("1 stream, MB/s", of, base)));
        let many = ratio("4 streams, MB/s", of, base);
        report.goal(Goal::at_least(&format!("throughput of 4 streams, {name}"), 0.95, many));
    }
    report.put("two_tors_to_one", rounds.ratio("8 streams, MB/s", "two Tors", "one Tor"))?;
    report.put("latency_lane_to_socks", rounds.ratio("small request p50, ms", "lane", "socks"))?;
    report.put("memory", memory(&world)?)?;
    report.put("programs", tor_world::programs().display().to_string())?;
    Ok(report)
}

/// Each measurement uses a new circuit, so that no path always gets the better relays.
fn one(world: &TorWorld, name: &str, turn: usize, seconds: u32) -> anyhow::Result<Sample> {
    let is_paced = name.ends_with("paced");
    world.hold_tor_to(is_paced.then_some(PACE))?;
    let (host, way) = if name.starts_with("lane") {
        world.device.cli(&["new-identity"])?.success()?;
        (world.device.host(), Way::Lane)
    } else {
        (world.server(), Way::Socks(world.socks(), format!("turn{turn}")))
    };
    let mut sample = Sample::new();
    let times = tor_load::small_requests(host, &way, REQUESTS)?;
    sample.insert("small request p50, ms".into(), median(times));
    let tor = world.tor_pid()?;
    let before = cpu_seconds(tor)?;
    let single = tor_load::throughput(host, std::slice::from_ref(&way), seconds)?;
    sample.insert("1 stream, MB/s".into(), single);
    let cpu = (cpu_seconds(tor)? - before) * 1e3;
    sample.insert("CPU of Tor, ms/MB".into(), cpu / (single * f64::from(seconds)));
    sample.insert("4 streams, MB/s".into(), tor_load::throughput(host, &vec![way; STREAMS], seconds)?);
    Ok(sample)
}

/// Eight streams with separate circuits, through the server's Tor alone or through two Tor processes.
fn many(world: &TorWorld, turn: usize, tors: usize, seconds: u32) -> anyhow::Result<Sample> {
    world.hold_tor_to(None)?;
    let ports = [world.socks(), world.second.socks()];
    let way = |index: usize| Way::Socks(ports[index % tors], format!("turn{turn} stream{index}"));
    let ways: Vec<Way> = (0..8).map(way).collect();
    let throughput = tor_load::throughput(world.server(), &ways, seconds)?;
    Ok(Sample::from([("8 streams, MB/s".to_owned(), throughput)]))
}

/// Memory of Tor with a stream from each of many addresses, as which it sees devices, and of `wg` with as many peers.
fn memory(world: &TorWorld) -> anyhow::Result<serde_json::Value> {
    let server = world.server();
    let tor = world.tor_pid()?;
    let before = resident_bytes(tor)?;
    server.exec(&["ip", "route", "add", "local", &format!("{HELD}/16"), "dev", "lo"])?;
    let address = |number: u16| IpAddr::V4((u32::from(HELD) + 256 + u32::from(number)).into());
    let addresses: Vec<IpAddr> = (0..DEVICES).map(address).collect();
    let (streams, circuits, with) = tor_load::hold(server, world.socks(), &addresses, |streams| {
        Ok((streams, world.circuits()?, resident_bytes(tor)?))
    })?;
    let mesh = world.mesh_memory()?;
    let (peers, full) = world.with_peers(DEVICES, || world.mesh_memory())?;
    let table: serde_json::Map<_, _> = mesh
        .iter()
        .zip(&full)
        .map(|((name, few), (_, many))| {
            (name.clone(), serde_json::json!({ "one device": mebi(*few), "peers": mebi(*many) }))
        })
        .collect();
    Ok(serde_json::json!({
        "unit": "MiB resident",
        "tor": { "before": mebi(before), "with_streams": mebi(with), "streams_of_as_many_addresses": streams, "circuits": circuits },
        "services": table,
        "peers_in_wg": peers,
    }))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
