//! `tornado-helperd`: the privileged helper.

mod guardian;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tornado_helper::Config;
use tornado_tunnel::os::Os as _;
use tornado_tunnel::os::linux::{Linux, Offload, Settings, TunNode};
use tornado_tunnel::plan::Backend;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The privileged helper of Tornado VPN: holds the login and drives the tunnel.
#[derive(Parser)]
#[command(name = "tornado-helperd", version)]
struct Arguments {
    /// Socket on which the `tornado` command and the desktop app speak to it.
    #[arg(long, env = tornado_helper_api::SOCKET_VARIABLE, default_value = tornado_helper_api::DEFAULT_SOCKET)]
    socket: PathBuf,
    /// Directory of the stored login; made with mode 0700.
    #[arg(long, env = "TORNADO_HELPER_STATE", default_value = "/var/lib/tornado-helper")]
    state_dir: PathBuf,
    /// A user id that may call it, besides root. May be given several times.
    #[arg(long = "allow-uid", value_name = "UID")]
    allow_uids: Vec<u32>,
    /// The group whose members may call it.
    #[arg(long, default_value = "tornado")]
    group: String,
    /// Beginning of the interfaces' names.
    #[arg(long, default_value = "tornado")]
    interface: String,
    /// Who moves the packets; by default the kernel where it has WireGuard.
    #[arg(long, value_enum)]
    backend: Option<Choice>,
    /// Whether packets are joined and split by the kernel where this process moves them; off for kernels that mishandle it.
    #[arg(long, value_enum, default_value = "auto")]
    offload: OffloadChoice,
    /// Run as this Unix user with CAP_NET_ADMIN instead of as root. The process that root started stays and does nothing
    /// but open /dev/net/tun for it.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The connection to the process that root started.
    #[arg(long, hide = true, requires = "user")]
    guardian: Option<i32>,
    /// Whether connected private networks, names apart, may be reached outside the tunnel.
    #[arg(long, value_enum, default_value = "allow")]
    local_networks: LocalChoice,
    /// Take away what a helper that died left behind, forget that a tunnel was wanted, and end.
    #[arg(long)]
    clean_up: bool,
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

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("TORNADO_LOG")
        .unwrap_or_else(|_| "info,gotatun=warn,rustls=error".into());
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(filter.and(tornado_log::Limit::default()))).init();
    if let (Some(user), None) = (&arguments.user, arguments.guardian) {
        let directories = [arguments.socket.parent(), Some(arguments.state_dir.as_path())];
        return guardian::run(user, directories.into_iter().flatten());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot make a runtime")?;
    runtime.block_on(run(arguments))?;
    Ok(ExitCode::SUCCESS)
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
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
    let mut os = Linux::open(settings).await.context("the helper needs root or CAP_NET_ADMIN")?;
    if arguments.clean_up {
        os.tear_down().await.context("something could not be taken away")?;
        tornado_helper::forget_wish(&config.state_dir)?;
        return Ok(std::fs::remove_file(&config.socket)?);
    }
    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // It would end a process that does not watch it; here it means nothing.
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
