//! The helper on Linux.

mod guardian;

use crate::logging;
use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tornado_helper::Config;
use tornado_tunnel::os::Os as _;
use tornado_tunnel::os::linux::{self, Linux, Offload, Settings, TunNode};
use tornado_tunnel::plan::Backend;

/// The privileged helper of Tornado VPN. It stores the login and controls the tunnel.
#[derive(Parser)]
#[command(name = "tornado-helperd", version)]
struct Arguments {
    /// Socket for the `tornado` command and the desktop app.
    #[arg(long, env = tornado_helper_api::SOCKET_VARIABLE, default_value = tornado_helper_api::DEFAULT_SOCKET)]
    socket: PathBuf,
    /// Directory of the stored login. It is created with mode 0700.
    #[arg(long, env = "TORNADO_HELPER_STATE", default_value = "/var/lib/tornado-helper")]
    state_dir: PathBuf,
    /// Directory of the log file. It is created with mode 0750; without it, the log is only on standard error.
    #[arg(long, env = "TORNADO_HELPER_LOG_DIR", default_value = "/var/log/tornado-helper")]
    log_dir: PathBuf,
    /// User ID that may call the helper, besides root. Can be given several times.
    #[arg(long = "allow-uid", value_name = "UID")]
    allow_uids: Vec<u32>,
    /// Group whose members may call the helper.
    #[arg(long, default_value = "tornado")]
    group: String,
    /// Prefix of the interface names.
    #[arg(long, default_value = "tornado")]
    interface: String,
    /// WireGuard implementation [default: kernel if it supports WireGuard, otherwise userspace].
    #[arg(long, value_enum)]
    backend: Option<Choice>,
    /// Use the kernel's segmentation offloads in the userspace backend. Set `off` if they are faulty on this kernel.
    #[arg(long, value_enum, default_value = "auto")]
    offload: OffloadChoice,
    /// Run as this Unix user with CAP_NET_ADMIN instead of as root. One root process remains, which only opens
    /// /dev/net/tun for the helper.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// File descriptor of the connection to the process started by root.
    #[arg(long, hide = true, requires = "user")]
    guardian: Option<i32>,
    /// Whether directly connected private networks may be reached outside the tunnel. DNS to them is blocked in either
    /// case.
    #[arg(long, value_enum, default_value = "allow")]
    local_networks: LocalChoice,
    /// Remove firewall, routes and interfaces of a crashed helper, delete the desired state, and exit.
    #[arg(long)]
    clean_up: bool,
    /// Block all traffic if the stored lockdown policy requires it, and exit. For the start of the machine, before the
    /// network is configured.
    #[arg(long, conflicts_with = "clean_up")]
    block_early: bool,
    /// Set lockdown to `off`, remove firewall, routes and interfaces, and exit. For a machine whose helper does not
    /// run: `tornado lockdown off` calls it.
    #[arg(long, conflicts_with_all = ["clean_up", "block_early"])]
    release: bool,
}

impl Arguments {
    /// True if the process serves no calls.
    const fn is_short(&self) -> bool {
        self.clean_up || self.block_early || self.release
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    Kernel,
    Userspace,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LocalChoice {
    Allow,
    Refuse,
}

#[derive(Clone, Copy, ValueEnum)]
enum OffloadChoice {
    Auto,
    Off,
}

/// Runs the program.
pub fn run_program() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    // The process that only opens `/dev/net/tun`, and the clean-up, write no file.
    let has_file = !arguments.is_short() && (arguments.user.is_none() || arguments.guardian.is_some());
    logging::start(has_file.then_some(arguments.log_dir.as_path()));
    if let (Some(user), None, false) = (&arguments.user, arguments.guardian, arguments.is_short()) {
        let directories = [arguments.socket.parent(), Some(arguments.state_dir.as_path())];
        return guardian::run(user, directories.into_iter().flatten(), &arguments.log_dir);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the async runtime")?;
    runtime.block_on(run(arguments))?;
    Ok(ExitCode::SUCCESS)
}

/// Loads the firewall of lockdown if the stored policy requires it.
async fn block_early(arguments: &Arguments) -> anyhow::Result<()> {
    if !tornado_helper::blocks_at_boot(&arguments.state_dir) {
        tracing::info!("traffic is not blocked: the lockdown policy does not require it");
        return Ok(());
    }
    linux::block_early(&arguments.interface).await.context("cannot block traffic")?;
    tracing::info!("all traffic is blocked until the helper runs");
    Ok(())
}

/// Releases traffic first, so that a store that cannot be written prevents nothing.
async fn release(arguments: &Arguments) -> anyhow::Result<()> {
    let socket = arguments.socket.display();
    anyhow::ensure!(
        std::os::unix::net::UnixStream::connect(&arguments.socket).is_err(),
        "a helper is running at {socket}; run `tornado lockdown off`, or stop it with `systemctl stop tornado-helper`"
    );
    let settings = Settings {
        interface: arguments.interface.clone(),
        state_dir: arguments.state_dir.clone(),
        ..Settings::default()
    };
    let released = linux::release(settings).await;
    let stored = tornado_helper::store_lockdown_off(&arguments.state_dir);
    released.context("cannot remove all remains of the tunnel")?;
    stored.context("traffic is released now, but the next start of the machine may block it")
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if arguments.block_early {
        return block_early(&arguments).await;
    }
    if arguments.release {
        return release(&arguments).await;
    }
    let tun_node = match arguments.guardian {
        Some(descriptor) => TunNode::of_parent(guardian::connection(descriptor)?),
        None => TunNode::Own,
    };
    let backend = arguments.backend.map(|choice| match choice {
        Choice::Kernel => Backend::Kernel,
        Choice::Userspace => Backend::Userspace,
    });
    let config = Config {
        socket: arguments.socket,
        state_dir: arguments.state_dir,
        allow_uids: arguments.allow_uids.into_iter().collect(),
        group: Some(arguments.group),
        resolv_conf: Settings::default().resolv_conf,
    };
    let listener = tornado_helper::listen(&config)?;
    let settings = Settings {
        interface: arguments.interface,
        backend,
        offload: match arguments.offload {
            OffloadChoice::Auto => Offload::Auto,
            OffloadChoice::Off => Offload::Off,
        },
        tun_node,
        state_dir: config.state_dir.clone(),
        local_networks: arguments.local_networks == LocalChoice::Allow,
        ..Settings::default()
    };
    let mut os = Linux::open(settings)
        .await
        .context("cannot access the network configuration; the helper needs root or CAP_NET_ADMIN")?;
    if arguments.clean_up {
        os.tear_down().await.context("cannot remove all remains of the tunnel")?;
        tornado_helper::clear_desired_state(&config.state_dir)?;
        return Ok(std::fs::remove_file(&config.socket)?);
    }
    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // SIGHUP would end a process that does not handle it. The helper has no configuration to reload.
    let mut hang_up = signal(SignalKind::hangup())?;
    let stop = shutdown.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                Some(()) = hang_up.recv() => {}
            }
        }
        stop.cancel();
    });
    tornado_helper::run(listener, config, Box::new(os), shutdown).await;
    Ok(())
}
