//! The helper on Windows: a service of LocalSystem.

mod install;
mod service;

use crate::logging;
use anyhow::Context as _;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tornado_helper::Config;
use tornado_tunnel::os::Os as _;
use tornado_tunnel::os::windows::{Settings, Windows, release};
use tornado_windows::Sid;
use tornado_windows::os::{pipe, program_data};

/// Name of the service.
const NAME: &str = "tornado-helper";

/// The privileged helper of Tornado VPN. It stores the login and controls the tunnel.
#[derive(Debug, Clone, Parser)]
#[command(name = "tornado-helperd", version)]
struct Arguments {
    /// Pipe for the `tornado` command and the desktop app.
    #[arg(long, global = true, env = tornado_helper_api::SOCKET_VARIABLE,
          default_value = tornado_helper_api::DEFAULT_SOCKET)]
    socket: PathBuf,
    /// Directory of the stored login, for LocalSystem and administrators only [default: Tornado VPN\helper in
    /// C:\ProgramData].
    #[arg(long, global = true, value_name = "DIRECTORY")]
    state_dir: Option<PathBuf>,
    /// Directory of the log file, for LocalSystem and administrators only [default: Tornado VPN\log in C:\ProgramData].
    #[arg(long, global = true, value_name = "DIRECTORY")]
    log_dir: Option<PathBuf>,
    /// User who may call the helper, besides administrators: the SID that `whoami /user` shows. Can be given several
    /// times.
    #[arg(long = "allow-sid", global = true, value_name = "SID")]
    allow_sids: Vec<Sid>,
    /// Remove the changes of a crashed helper, delete the desired state, and exit.
    #[arg(long)]
    clean_up: bool,
    /// Set lockdown to `off`, remove the changes of a helper, and exit. For a machine whose helper does not run:
    /// `tornado lockdown off` calls it.
    #[arg(long, conflicts_with = "clean_up")]
    release: bool,
    /// What to do; without it, serve in the foreground, which requires LocalSystem.
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Action {
    /// Install the service with these options and start it, or change the options of an installed one. Requires an
    /// administrator.
    Install,
    /// Stop and remove the service. Login and policy stay stored. Requires an administrator.
    Uninstall,
    /// Serve as a service. Only the service control manager starts it like this.
    Service,
}

impl Arguments {
    /// The program's directory for data, private and with the directories of state and log.
    fn directories(&self) -> anyhow::Result<(PathBuf, PathBuf)> {
        let base = program_data().context("cannot find the directory for the data of programs")?.join("Tornado VPN");
        if self.state_dir.is_none() || self.log_dir.is_none() {
            tornado_windows::os::make_private(&base).with_context(|| format!("cannot use {}", base.display()))?;
        }
        let own = |given: &Option<PathBuf>, name| given.clone().unwrap_or_else(|| base.join(name));
        Ok((own(&self.state_dir, "helper"), own(&self.log_dir, "log")))
    }
}

/// Runs the program.
pub fn run_program() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.action {
        Some(Action::Install) => install::install(&arguments)?,
        Some(Action::Uninstall) => install::uninstall()?,
        Some(Action::Service) => service::start(arguments)?,
        None => in_foreground(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn in_foreground(arguments: &Arguments) -> anyhow::Result<()> {
    let (state_dir, log_dir) = arguments.directories()?;
    let is_short = arguments.clean_up || arguments.release;
    logging::start((!is_short).then_some(log_dir.as_path()));
    if arguments.release {
        let socket = arguments.socket.display();
        anyhow::ensure!(
            !pipe::is_served(&arguments.socket)?,
            "a helper is running at {socket}; run `tornado lockdown off`, or stop it with `sc stop {NAME}`"
        );
        let released = release();
        let stored = tornado_helper::store_lockdown_off(&state_dir);
        released.context("cannot remove all remains of the tunnel")?;
        return stored.context("traffic is released now, but the next start of the machine may block it");
    }
    let runtime = runtime()?;
    let shutdown = CancellationToken::new();
    if arguments.clean_up {
        return runtime.block_on(async {
            Windows::open(settings()?)?.tear_down().await.context("cannot remove all remains of the tunnel")?;
            Ok(tornado_helper::clear_desired_state(&state_dir)?)
        });
    }
    let stop = shutdown.clone();
    runtime.block_on(async {
        tokio::spawn(async move {
            // Without a console there is no Ctrl-C, and the process ends with its caller.
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.cancel();
            }
        });
        serve(arguments, shutdown, || Ok(())).await
    })
}

/// The driver's library is beside this program.
fn settings() -> anyhow::Result<Settings> {
    let own = std::env::current_exe().context("cannot find this program")?;
    let directory = own.parent().context("this program is in no directory")?.to_owned();
    Ok(Settings { interface: "tornado".to_owned(), directory })
}

fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build().context("cannot start the async runtime")
}

/// Serves until `shutdown`. Calls `ready` as soon as the pipe exists.
async fn serve(
    arguments: &Arguments,
    shutdown: CancellationToken,
    ready: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (state_dir, _) = arguments.directories()?;
    let config = Config {
        socket: arguments.socket.clone(),
        state_dir,
        allow_sids: arguments.allow_sids.iter().copied().collect(),
    };
    let socket = tornado_helper::listen(&config)?;
    let os = Windows::open(settings()?)?;
    ready()?;
    tornado_helper::run(socket, config, Box::new(os), shutdown).await;
    Ok(())
}
