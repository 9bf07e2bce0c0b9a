//! Reads the facts from the machine. Decides nothing.

mod files;
mod net;
mod state;

use super::facts::{Clock, Facts, Host, LogFacts, Port, Route};
use super::parse;
use crate::commands::{Server, blocking};
use crate::config::Config;
use crate::failure::Failure;
use crate::salvage::salvage;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::keys::{KeyRing as _, KeyRingClient};
use tornado_contracts::master::{Master as _, MasterClient};
use tornado_contracts::telemetry::logs::{Logs as _, LogsClient};
use tornado_contracts::tor::{Tor as _, TorClient};
use tornado_rpc::NoInput;
use tornado_runtime::clock::unix_now;
use tornado_wg::{BackendChoice, foreign_tables};

/// Deadline for a name lookup.
const NAME: Duration = Duration::from_secs(5);

/// Reads all facts that the caller has the rights to read.
pub(super) fn observe(config_path: &Path) -> Result<Facts, Failure> {
    let (config, config_error) = match Config::load(config_path) {
        Ok(config) => (config, None),
        // Continue with the usable part of the configuration.
        Err(why) => {
            let usable = salvage(config_path).ok_or_else(|| Failure::failed("cannot use the default configuration"))?;
            (usable, Some(why.to_string()))
        }
    };
    let now = unix_now();
    let tables = [config.wg.table.as_str()];
    let chains = words("nft", &["--json", "--terse", "list", "ruleset"]);
    let routes_v4 = parse::routes_v4(&read("/proc/net/route"));
    let routes: Vec<_> = routes_v4.into_iter().chain(parse::routes_v6(&read("/proc/net/ipv6_route"))).collect();
    let ours = [config.wg.direct.clone(), config.wg.tor.clone(), "lo".to_owned()];
    let pools = [("direct", config.lanes.pools.direct), ("tor", config.lanes.pools.tor)];
    let is_root = nix::unistd::geteuid().is_root();
    let mut facts = Facts {
        is_root,
        now,
        config_error,
        host: host(&config),
        missing_users: files::missing_users(),
        open_users: files::open_users(),
        files: files::state(&config.paths.state),
        ports: ports(&config),
        forwarding_off: forwarding(&config, &routes),
        is_sysctl_read_only: files::is_read_only(Path::new("/proc/sys/net")),
        nft: Some(words("nft", &["--version"])),
        tor: Some(words(&config.tor.binary.to_string_lossy(), &["--version"])),
        tun: Path::new("/dev/net/tun").exists(),
        kernel_wireguard: Path::new("/sys/module/wireguard").exists(),
        needs_kernel: config.wg.backend == BackendChoice::Kernel,
        drops: chains.as_ref().map(|json| parse::drops(json, &tables)).unwrap_or_default(),
        foreign_tables: chains.as_ref().map(|json| foreign_tables(json, &config.wg)).unwrap_or_default(),
        routes: routes.into_iter().filter(|route| !ours.contains(&route.interface)).collect(),
        pools: pools.iter().flat_map(|(lane, p)| [(*lane, p.v4.into()), (*lane, p.v6.into())]).collect(),
        allowed: config.lanes.allow_networks.clone(),
        clock: Clock { synchronised: synchronised(), newest_file: files::newest(&config.paths.state) },
        disks: files::disks(&[&config.paths.state, &config.paths.run]),
        // Without root these files are not readable, which would be judged wrongly.
        secrets: if is_root { state::secrets(&config) } else { Vec::new() },
        certificate: if is_root { state::certificate(&config) } else { None },
        sockets: state::sockets(&config.paths.run),
        unreadable: state::unreadable(config_path),
        ..Facts::default()
    };
    if facts.is_root {
        // Without root, nft fails for other reasons.
        facts.nft_refused = facts.nft.as_ref().and_then(|nft| nft.as_ref().ok()).and(chains.err());
        if config.store.url.is_none() {
            facts.databases = files::databases(&config.paths.state);
        }
        blocking(ask(&mut facts, config))?;
    }
    Ok(facts)
}

/// Queries the running server.
async fn ask(facts: &mut Facts, config: Config) {
    let server = Server { config };
    facts.master = MasterClient::new(server.master()).status(NoInput {}).await.ok();
    let Some(master) = &facts.master else {
        facts.engines = state::engines(&server.config).await;
        return;
    };
    facts.engines = crate::commands::services::engines::ask(&server, master).await;
    facts.tor_status = TorClient::new(server.channel(ServiceName::Tor)).status(NoInput {}).await.ok();
    let keys = KeyRingClient::new(server.channel(ServiceName::Auth)).check_keys(Acting::root(NoInput {})).await;
    facts.key_problems = keys.map(|found| found.problems).unwrap_or_default();
    let logs = LogsClient::new(server.channel(ServiceName::Telemetry)).status(NoInput {}).await.ok();
    facts.logs = logs.map(|status| {
        let free = facts.disks.iter().find(|disk| disk.path == server.config.paths.state).map(|disk| disk.free_bytes);
        LogFacts { status, budget: u64::from(server.config.telemetry.retention_megabytes) * 1_000_000, free }
    });
}

fn host(config: &Config) -> Host {
    let name = config.public_host().unwrap_or_default();
    let is_name = name.trim_matches(['[', ']']).parse::<IpAddr>().is_err();
    let resolved = (config.server.host.is_some() && is_name).then(|| resolve(name.clone())).flatten();
    Host { name, is_configured: config.server.host.is_some(), resolved }
}

/// The system resolver has no sufficiently short deadline. `None` if it does not respond in time.
fn resolve(name: String) -> Option<Vec<IpAddr>> {
    let (to, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        // After the deadline the receiver is gone.
        drop(to.send(found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()));
    });
    answer.recv_timeout(NAME).ok()
}

fn ports(config: &Config) -> Vec<Port> {
    let mut wanted = vec![
        ("udp", config.lanes.direct_port, "[lanes] direct_port"),
        ("udp", config.lanes.tor_port, "[lanes] tor_port"),
    ];
    wanted.extend(config.client_api.listen.iter().map(|address| ("tcp", address.port(), "[client_api] listen")));
    let port = |(protocol, number, what)| Port { protocol, number, what, holder: net::holder(protocol, number) };
    wanted.into_iter().map(port).collect()
}

/// The forwarding settings that are off. Keys use `/`, which sysctl(8) also accepts if a name contains a dot. IPv4 has
/// one for each interface, IPv6 has a global one.
fn forwarding(config: &Config, routes: &[Route]) -> Vec<String> {
    let is_way = |route: &&Route| route.net.addr().is_ipv4() && route.net.prefix_len() <= 1;
    let mut names: Vec<&str> = routes.iter().filter(is_way).map(|route| route.interface.as_str()).collect();
    names.push(&config.wg.direct);
    names.sort_unstable();
    names.dedup();
    let mut keys: Vec<String> = names.iter().map(|name| format!("net/ipv4/conf/{name}/forwarding")).collect();
    if tornado_runtime::ground::has_ipv6() {
        keys.push("net/ipv6/conf/all/forwarding".to_owned());
    }
    keys.retain(|key| read(&format!("/proc/sys/{key}")).trim() == "0");
    keys
}

/// Whether systemd considers the clock synchronised. `None` without systemd.
fn synchronised() -> Option<bool> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    match words("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).ok()?.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// The standard output of a program, or why it failed.
fn words(program: &str, arguments: &[&str]) -> Result<String, String> {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let run = Command::new(program).args(arguments).env("PATH", path).env("LC_ALL", "C").stdin(Stdio::null()).output();
    let output = run.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(complaint.lines().next().unwrap_or("it failed without an error message").to_owned())
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
