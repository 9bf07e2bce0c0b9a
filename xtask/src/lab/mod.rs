//! `cargo xtask lab`: the network of the tests, for interactive use.

mod tor;

use crate::machine;
use crate::machine::programs::Need;
use crate::shell::{self, WINDOW};
use anyhow::{Context as _, bail};
use std::net::SocketAddr;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::Duration;
use tornado_e2e_harness::{
    DeviceProc, INTERNET, Lab, LabOptions, LabRecord, Programs, SERVER, ServerOptions, ServerProc, Sweep,
    TorNetworkRecord, serve_internet, serve_names, wait_for,
};

/// Arguments of `cargo xtask lab`.
#[derive(clap::Subcommand)]
pub enum LabTask {
    /// Starts a lab: namespaces, the built server in `server`, a helper in every device
    Up {
        /// Number of devices
        #[arg(long, default_value_t = 2)]
        devices: u16,
        /// Name of the lab: one to eight characters of a-z and 0-9
        #[arg(long, default_value = "lab")]
        name: String,
        /// With a private Tor network: authorities, relays, two exits, an onion service
        #[arg(long)]
        tor: bool,
        /// Skip the build; used when `lab up` runs itself as root
        #[arg(long, hide = true)]
        no_build: bool,
    },
    /// Removes a lab: processes, namespaces, files
    Down {
        /// Name of the lab
        #[arg(default_value = "lab")]
        name: String,
        /// All labs, including those that killed test runs left behind
        #[arg(long)]
        all: bool,
    },
    /// Runs a command in a host: device1 …, server, internet, access
    Exec {
        /// Name of the lab
        #[arg(long, default_value = "lab")]
        name: String,
        /// Name of the host
        host: String,
        /// The command; `tornado` and `tornadod` use the lab's helper and server
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Lists the labs of this machine
    List,
    /// Runs the servers of `internet` in the calling namespace
    #[command(hide = true)]
    ServeInternet,
    /// Runs the name server behind the exits in the calling namespace
    #[command(hide = true)]
    ServeNames,
}

impl LabTask {
    /// Runs the task.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if !shell::is_root() {
            return self.run_as_root();
        }
        match self {
            Self::Up { devices, name, tor, no_build } => {
                if !no_build {
                    build()?;
                }
                up(devices, &name, tor)?;
            }
            Self::Down { name, all } => down(&name, all)?,
            Self::Exec { name, host, command } => return exec(&name, &host, &command),
            Self::List => list()?,
            Self::ServeInternet => serve_internet()?,
            Self::ServeNames => serve_names()?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Runs the same command line with sudo. The build runs before that, as the owner of the tree.
    fn run_as_root(self) -> anyhow::Result<ExitCode> {
        let mut words: Vec<String> = std::env::args().skip(1).collect();
        if let Self::Up { no_build: false, .. } = self {
            build()?;
            words.push("--no-build".to_owned());
        }
        let status = shell::own_as_root(&words)?;
        Ok(exit_code(status))
    }
}

fn build() -> anyhow::Result<()> {
    println!("building");
    shell::run(shell::cargo(&["build", "--quiet", "--workspace", "--exclude", WINDOW, "--bins"]))
}

fn up(devices: u16, name: &str, with_tor: bool) -> anyhow::Result<()> {
    machine::provide(&[Need::Server, Need::Test])?;
    machine::users()?;
    let lab = Lab::up(LabOptions { devices, id: Some(name.to_owned()), stay: true })?;
    let network = match populate(&lab, with_tor) {
        Ok(network) => network,
        Err(error) => {
            let shown = format!("{error:#}");
            lab.down().context("cannot remove the lab after a failure")?;
            bail!("{shown}");
        }
    };
    println!("the lab '{name}' is running: {devices} devices, a server, an internet\n");
    println!("  server    {}  {}", SERVER.v4, SERVER.v6);
    println!("  internet  {}  {}   HTTP on 80 returns the client's address, echo on UDP 7", INTERNET.v4, INTERNET.v6);
    let exec =
        if name == "lab" { "cargo xtask lab exec".to_owned() } else { format!("cargo xtask lab exec --name {name}") };
    println!("\ntry\n  {exec} device1 -- curl -s http://{}/            # in the clear", INTERNET.v4);
    println!("  {exec} server -- tornadod status");
    println!("  {exec} server -- tornadod invite create");
    println!("  {exec} device1 -- tornado --help");
    println!("  {exec} device1 -- tcpdump -n -i eth0");
    println!("  cargo xtask lab down {name}");
    if let Some(network) = network {
        tor::tell(&network, &exec);
    }
    Ok(())
}

/// Starts everything in the lab. It keeps running after this process has ended.
fn populate(lab: &Lab, with_tor: bool) -> anyhow::Result<Option<TorNetworkRecord>> {
    let internet = lab.host("internet")?;
    // Use the path instead of the running executable, because the build may have replaced the latter.
    let mut command = internet.command(programs().find("xtask")?);
    command.args(["lab", "serve-internet"]);
    let mut servers = internet.spawn("internet", command)?;
    wait_for("the internet's servers", Duration::from_secs(10), || {
        servers.must_run()?;
        let web = SocketAddr::from((INTERNET.v4, 80));
        Ok(internet.http_get_within(web, "/", Duration::from_secs(1)).ok().map(drop))
    })?;
    servers.detach();
    let network = with_tor.then(|| tor::up(lab)).transpose()?;
    let config = network.as_ref().map(TorNetworkRecord::server_config).unwrap_or_default();
    let options = ServerOptions { programs: programs(), config, ..ServerOptions::default() };
    ServerProc::start(lab.host("server")?, options)?.detach();
    for number in 1..=lab.devices() {
        DeviceProc::start(lab.host(&format!("device{number}"))?, programs())?.detach();
    }
    Ok(network)
}

fn down(name: &str, all: bool) -> anyhow::Result<()> {
    if all {
        let swept = Lab::sweep(Sweep::Standing)?;
        println!(
            "{}",
            if swept.is_empty() { "no labs found".to_owned() } else { format!("removed: {}", swept.join(", ")) }
        );
        return Ok(());
    }
    Lab::attach(name)?.down()?;
    println!("removed: {name}");
    Ok(())
}

/// Runs a command on our terminal.
fn exec(name: &str, host: &str, words: &[String]) -> anyhow::Result<ExitCode> {
    let lab = Lab::attach(name)?;
    let extra = TorNetworkRecord::read(&lab).and_then(|network| network.host(&lab, host)).ok();
    let host = extra.as_ref().map_or_else(|| lab.host(host), Ok)?;
    let Some((program, rest)) = words.split_first() else { bail!("no command given") };
    let mut command = match program.as_str() {
        "tornado" => DeviceProc::attach(host, programs()).command()?,
        "tornadod" => server_command(&lab)?,
        _ => host.command(program),
    };
    let status = command.args(rest).status().with_context(|| format!("cannot start '{program}'"))?;
    Ok(exit_code(status))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn server_command(lab: &Lab) -> anyhow::Result<Command> {
    let options = ServerOptions { programs: programs(), ..ServerOptions::default() };
    Ok(ServerProc::attach(lab.host("server")?, options).command()?)
}

fn list() -> anyhow::Result<()> {
    for record in LabRecord::all()? {
        let kind = match (record.owner, record.abandoned()) {
            (None, _) => "permanent".to_owned(),
            (Some(_), true) => "left behind by a process that has ended".to_owned(),
            (Some(owner), false) => format!("of process {}", owner.pid),
        };
        println!("{}\t{} devices\t{kind}", record.id, record.devices);
    }
    Ok(())
}

fn programs() -> Programs {
    Programs::in_dir(shell::target_dir().join("debug"))
}
