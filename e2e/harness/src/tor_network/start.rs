//! The steps of starting a network: namespaces, files, programs, and the wait for each of them.

use super::torrc::Files;
use super::{Names, Relay, RelayKind, Servers, TorNetworkRecord, TorServers, keys, names, plan, torrc};
use crate::lab::internet::Internet;
use crate::lab::record;
use crate::lab::settle;
use crate::lab::topology;
use crate::process::command::{ip, ip_batch};
use crate::{HarnessError, Host, Lab, Process, wait_for};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time limit for the consensus: three attempts.
const CONSENSUS: Duration = Duration::from_secs(60);
/// Time limit for a relay to bootstrap after a signal.
const NUDGE: Duration = Duration::from_secs(3);

/// Starts a tor process with only this configuration.
pub(super) fn spawn_tor(host: &Host, name: &str, torrc: &Path) -> Result<Process, HarnessError> {
    let mut command = host.command("tor");
    command.arg("-f").arg(torrc).args(["--defaults-torrc", "/nonexistent", "--ignore-missing-torrc"]);
    // Before tor has read the configuration, it logs to standard output.
    host.spawn(name, command)
}

pub(super) fn serve(wanted: &TorServers, internet: &Host, onion: &Host) -> Result<Servers, HarnessError> {
    let (names, page) = match wanted {
        TorServers::Here => {
            return Ok(Servers::Threads(Names::start(internet.namespace())?, Internet::start(onion.namespace())?));
        }
        TorServers::Programs { names, page } => (names, page),
    };
    let start = |host: &Host, name: &str, words: &[OsString]| {
        let (program, rest) =
            words.split_first().ok_or_else(|| HarnessError::answer(name, "the program is missing"))?;
        let mut command = host.command(program);
        command.args(rest);
        host.spawn(name, command)
    };
    let (mut names, mut page) = (start(internet, "names", names)?, start(onion, "page", page)?);
    wait_for("the name server and the onion service's page", Duration::from_secs(10), || {
        names.must_run()?;
        page.must_run()?;
        let has_page = onion.http_get_within(([127, 0, 0, 1], 80).into(), "/", Duration::from_secs(1)).is_ok();
        Ok((has_page && names::answers(internet)?).then_some(()))
    })?;
    Ok(Servers::Processes(names, page))
}

pub(super) fn host_of(lab: &Lab, name: &str) -> Host {
    Host::new(name, topology::namespace(lab.id(), name), &lab.dir())
}

pub(super) fn dir_of(tornet: &Host, relay: &Relay) -> PathBuf {
    tornet.dir().join(&relay.name)
}

/// Creates namespaces and links. Their names have the lab's prefix, so the lab removes them with its own.
pub(super) fn build(lab: &Lab, hosts: [&Host; 2], relays: &[Relay]) -> Result<(), HarnessError> {
    let _lock = record::lock()?;
    for host in hosts {
        std::fs::create_dir_all(host.dir()).map_err(HarnessError::file("create", host.dir()))?;
        ip(&["netns", "add", host.namespace()])?;
        host.enter(|| settle(false))??;
    }
    for (name, lines) in plan::wiring(lab.id(), relays) {
        ip_batch(&topology::namespace(lab.id(), name), &lines)?;
    }
    Ok(())
}

pub(super) struct OwnedFiles([PathBuf; 3]);

pub(super) fn files(tornet: &Host) -> OwnedFiles {
    OwnedFiles(["geoip", "geoip6", "resolv.conf"].map(|name| tornet.dir().join(name)))
}

impl OwnedFiles {
    pub(super) fn borrowed(&self) -> Files<'_> {
        let OwnedFiles([geoip, geoip6, resolv]) = self;
        Files { geoip, geoip6, resolv }
    }
}

/// Writes all files that the relays read.
pub(super) fn write_files(tornet: &Host, relays: Vec<Relay>) -> Result<TorNetworkRecord, HarnessError> {
    let owned = files(tornet);
    let files = owned.borrowed();
    let (v4, v6) = plan::geoip(&relays);
    write(files.geoip, &v4)?;
    write(files.geoip6, &v6)?;
    write(files.resolv, &format!("nameserver {}\n", plan::NAME_SERVER.v4))?;
    for relay in &relays {
        let dir = dir_of(tornet, relay);
        let data = dir.join("data");
        keys::install(relay, &data)?;
        write(&dir.join("torrc"), &torrc::relay(relay, &relays, &files, &data))?;
    }
    let client_torrc = tornet.dir().join("client.torrc");
    write(&client_torrc, &torrc::membership(&relays, &files))?;
    Ok(TorNetworkRecord {
        client_torrc,
        geoip_file: files.geoip.to_owned(),
        geoip6_file: files.geoip6.to_owned(),
        onion_address: String::new(),
        bridge_lines: Vec::new(),
        relays,
    })
}

/// Starts the tor process of the onion service. It has the name of the service before it is on the network.
pub(super) fn start_onion(onion: &Host, record: &TorNetworkRecord) -> Result<(Process, String), HarnessError> {
    let (data, service, path) = (onion.dir().join("data"), onion.dir().join("service"), onion.dir().join("torrc"));
    keys::make_private(&service)?;
    let membership = std::fs::read_to_string(&record.client_torrc);
    let membership = membership.map_err(HarnessError::file("read", &record.client_torrc))?;
    write(&path, &torrc::onion(&membership, &data, &service))?;
    let mut process = spawn_tor(onion, "onion", &path)?;
    let name = wait_for("the name of the onion service", Duration::from_secs(20), || {
        process.must_run()?;
        let name = std::fs::read_to_string(service.join("hostname")).unwrap_or_default();
        Ok(name.trim_end().ends_with(".onion").then(|| name.trim_end().to_owned()))
    })?;
    Ok((process, name))
}

pub(super) fn wait_for_consensus(
    tornet: &Host,
    relays: &[Relay],
    processes: &mut [Option<Process>],
) -> Result<(), HarnessError> {
    let authorities = relays.iter().filter(|relay| relay.kind == RelayKind::Authority);
    let paths: Vec<PathBuf> =
        authorities.map(|relay| dir_of(tornet, relay).join("data/cached-microdesc-consensus")).collect();
    wait_for("the relays' consensus", CONSENSUS, || {
        processes.iter_mut().flatten().try_for_each(Process::must_run)?;
        let is_whole = |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|text| names_all(&text, relays));
        Ok(paths.iter().all(is_whole).then_some(()))
    })
}

/// Waits until all relays have bootstrapped. A client may request the directory from any relay, and pauses for ten
/// seconds if that has none yet; an exit without a directory rejects connections.
pub(super) fn wait_for_relays(processes: &mut [Option<Process>]) -> Result<(), HarnessError> {
    let mut nudged = None::<Instant>;
    wait_for("every relay to be on the network", CONSENSUS, || {
        let mut late = Vec::new();
        for process in processes.iter_mut().flatten() {
            process.must_run()?;
            if !process.stderr()?.contains("Bootstrapped 100%") {
                late.push(&*process);
            }
        }
        if nudged.is_none_or(|at| at.elapsed() > NUDGE) {
            // By now their retry pauses are long; this signal ends them.
            late.iter().try_for_each(|process| process.signal(Signal::SIGHUP))?;
            nudged = Some(Instant::now());
        }
        Ok(late.is_empty().then_some(()))
    })
}

/// The bridge lines: obfs4proxy writes them at its first start, without address and fingerprint.
pub(super) fn bridge_lines(
    tornet: &Host,
    relays: &[Relay],
    processes: &mut [Option<Process>],
) -> Result<Vec<String>, HarnessError> {
    let bridges = relays.iter().filter(|relay| relay.kind == RelayKind::Bridge);
    let line_of = |bridge: &Relay| {
        let path = dir_of(tornet, bridge).join("data/pt_state/obfs4_bridgeline.txt");
        wait_for("the line of a bridge", Duration::from_secs(20), || {
            processes.iter_mut().flatten().try_for_each(Process::must_run)?;
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let words = text.lines().find_map(|line| line.strip_prefix("Bridge obfs4 ")).map(str::to_owned);
            let arguments = words.and_then(|words| words.find("cert=").map(|at| words[at..].trim_end().to_owned()));
            let address = format!("{}:{}", bridge.addresses.v4, plan::OBFS4_PORT);
            Ok(arguments.map(|arguments| format!("obfs4 {address} {} {arguments}", bridge.fingerprint)))
        })
    };
    bridges.map(line_of).collect()
}

/// Returns true if all relays except bridges are running in this consensus, and all exits have the exit flag.
pub(super) fn names_all(consensus: &str, relays: &[Relay]) -> bool {
    let flags_of = |name: &str| {
        let mut lines = consensus.lines().skip_while(|line| line.split(' ').take(2).ne(["r", name]));
        lines.find(|line| line.starts_with("s ")).unwrap_or_default()
    };
    relays.iter().filter(|relay| relay.kind != RelayKind::Bridge).all(|relay| {
        let flags: Vec<&str> = flags_of(&relay.name).split(' ').collect();
        flags.contains(&"Running") && (relay.kind != RelayKind::Exit || flags.contains(&"Exit"))
    })
}

pub(super) fn resident((name, pid): (String, u32)) -> Result<(String, u64), HarnessError> {
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    let status = std::fs::read_to_string(&path).map_err(HarnessError::file("read", &path))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    Ok((name, size.ok_or_else(|| HarnessError::answer("the memory of a relay", "the process has ended"))?))
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), HarnessError> {
    std::fs::write(path, text).map_err(HarnessError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TorNetworkOptions;

    #[test]
    fn a_consensus_counts_when_everybody_runs_and_exits_are_exits() {
        let relays: Vec<_> = plan::relays(&TorNetworkOptions {
            authorities: 1,
            relays: 1,
            exit_countries: vec!["de".to_owned()],
            ..TorNetworkOptions::default()
        })
        .unwrap();
        let consensus = |flags: &str| format!("r a1 x\nm y\ns Running\nr r1 x\ns Fast Running\nr e1 x\ns {flags}\n");
        assert!(names_all(&consensus("Exit Running"), &relays));
        assert!(!names_all(&consensus("Running"), &relays));
        assert!(!names_all(&consensus("Exit"), &relays));
        assert!(!names_all("r a1 x\ns Running\nr r1 x\ns Running\n", &relays));
    }
}
