//! Compares the userspace data plane with others.

mod contestant;
mod pair;
mod tools;

use super::{Bench, Goal, Options, Report, Rounds, Sample, cpu_seconds};
use crate::machine::programs::Need;
use crate::{machine, shell};
use anyhow::{Context as _, ensure};
use contestant::Contestant;
use pair::{End, Pair, Running};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tools::Tools;

/// The compared values and the figures that they come from.
const COMPARED: [(&str, &str); 7] = [
    ("throughput_tcp_1", "tcp_1_gbit_s"),
    ("throughput_tcp_4", "tcp_4_gbit_s"),
    ("cpu_tcp_1_sender", "tcp_1_sender_cpu_s_gbit"),
    ("cpu_tcp_1_receiver", "tcp_1_receiver_cpu_s_gbit"),
    ("cpu_tcp_4_sender", "tcp_4_sender_cpu_s_gbit"),
    ("cpu_tcp_4_receiver", "tcp_4_receiver_cpu_s_gbit"),
    ("cpu_datagrams", "datagrams_cpu_s_million"),
];

/// The bench `dataplane`, between two namespaces over veth.
pub const BENCH: Bench = Bench {
    name: "dataplane",
    about: "our userspace WireGuard against wireguard-go and boringtun, between two namespaces",
    prepare,
    run,
};

fn prepare() -> anyhow::Result<()> {
    machine::provide(&[Need::Server, Need::Test])?;
    Tools::get().map(drop)
}

fn run(options: &Options) -> anyhow::Result<Report> {
    let tools = Tools::get()?;
    let names: Vec<_> = Contestant::available(&tools).map(Contestant::name).collect();
    let rounds = Rounds::run(options.rounds, &names, |name| {
        let contestant = Contestant::ALL.into_iter().find(|one| one.name() == name).context("unknown contestant")?;
        measure(contestant, &tools, options.seconds)
    });
    report(&rounds, &tools)
}

fn report(rounds: &Rounds, tools: &Tools) -> anyhow::Result<Report> {
    let mut report = Report::of(rounds);
    let ours = Contestant::Tornado.name();
    let ratios = |base: Contestant| -> Map<String, Value> {
        let ratio = |figure| rounds.ratio(figure, ours, base.name());
        COMPARED.iter().filter_map(|(name, figure)| Some(((*name).to_owned(), json!(ratio(figure)?)))).collect()
    };
    report.put("ratio_to_wireguard_go", ratios(Contestant::WireguardGo))?;
    report.put("ratio_to_boringtun", ratios(Contestant::Boringtun))?;
    report.put("ratio_to_floor", ratios(Contestant::Floor))?;
    if tools.former.is_some() {
        report.put("ratio_to_former", ratios(Contestant::Former))?;
    }
    report.put("ratio_to_own_without_offload", ratios(Contestant::TornadoPlain))?;
    report.put("wireguard_go_version", &tools.wireguard_go_version)?;
    for (name, figure) in COMPARED {
        let ratio = rounds.ratio(figure, ours, Contestant::WireguardGo.name()).map(|ratio| ratio.median);
        let name = format!("{name} / wireguard-go's");
        report.goal(if figure.ends_with("gbit_s") {
            Goal::at_least(&name, 1.25, ratio)
        } else {
            Goal::at_most(&name, 0.8, ratio)
        });
    }
    Ok(report)
}

fn measure(contestant: Contestant, tools: &Tools, seconds: u32) -> anyhow::Result<Sample> {
    let pair = Pair::up()?;
    let processes = contestant.up(&pair, tools)?;
    let mut sink = pair.command(End::Far, &tools.ours);
    sink.args(["sink", "--bind", &contestant.far()]);
    let _sink = pair.spawn(sink)?;
    let load = |task: &str, words: &[&str]| -> anyhow::Result<Value> {
        let mut command = pair.command(End::Near, &tools.ours);
        Ok(serde_json::from_str(&shell::read(command.args([task, "--to", &contestant.far()]).args(words))?)?)
    };
    warm_up(&load)?;
    let mut sample = Sample::new();
    for streams in [1, 4] {
        let before = cpu(&processes)?;
        let got = load("stream", &["--streams", &streams.to_string(), "--seconds", &seconds.to_string()])?;
        let used = since(&processes, &before)?;
        let gbit = number(&got, "bytes")? * 8e-9;
        ensure!(gbit > 0.0, "no data arrived");
        let mut put = |name: &str, value| {
            sample.insert(format!("tcp_{streams}_{name}"), value);
        };
        put("gbit_s", gbit / number(&got, "seconds")?);
        put("ask_p50_ms", number(&got, "p50_us")? / 1e3);
        put("ask_p99_ms", number(&got, "p99_us")? / 1e3);
        if let [sender, receiver] = used[..] {
            put("sender_cpu_s_gbit", sender / gbit);
            put("receiver_cpu_s_gbit", receiver / gbit);
        }
    }
    let before = cpu(&processes)?;
    let got = load("datagrams", &["--seconds", &seconds.to_string()])?;
    let used: f64 = since(&processes, &before)?.iter().sum();
    let (sent, came) = (number(&got, "sent")?, number(&got, "came")?);
    sample.insert("datagrams_lost_percent".into(), (sent - came).max(0.0) / sent * 100.0);
    if !processes.is_empty() && came > 0.0 {
        sample.insert("datagrams_cpu_s_million".into(), used / came * 1e6);
    }
    Ok(sample)
}

/// Opens a first connection, which triggers the handshake. Retries, because the sink may not listen yet.
fn warm_up(load: &impl Fn(&str, &[&str]) -> anyhow::Result<Value>) -> anyhow::Result<()> {
    retry(20, Duration::from_millis(100), || load("stream", &["--seconds", "1"]).map(drop))
}

/// Repeats an attempt until it succeeds, at most `times`.
fn retry(times: usize, pause: Duration, attempt: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut last = attempt();
    for _ in 1..times {
        if last.is_ok() {
            break;
        }
        std::thread::sleep(pause);
        last = attempt();
    }
    last
}

fn cpu(processes: &[Running]) -> anyhow::Result<Vec<f64>> {
    processes.iter().map(|process| cpu_seconds(process.pid())).collect()
}

fn since(processes: &[Running], before: &[f64]) -> anyhow::Result<Vec<f64>> {
    Ok(cpu(processes)?.iter().zip(before).map(|(now, then)| now - then).collect())
}

fn number(value: &Value, key: &str) -> anyhow::Result<f64> {
    value.get(key).and_then(Value::as_f64).with_context(|| format!("the output of the load generator has no '{key}'"))
}
