//! Service `tor`: the Tor process behind the tor lane, and whether the lane may be open.
//!
//! `machine` decides, with time as an argument; `torrc` renders; `process` owns the one child; `control` speaks
//! with it; `attach` and `prober` find out how it is; `lanes` tells `wg`; `page` is what devices see meanwhile.
//! The operator's wish is kept apart from all of that, on disk.

mod account;
mod adapter;
mod api;
mod attach;
mod backoff;
mod circuits;
mod config;
mod control;
mod directory;
mod error;
mod fake;
mod files;
mod lanes;
mod machine;
mod page;
mod probe;
mod prober;
mod process;
mod ring;
mod service;
mod stuck;
mod torrc;
mod wanted;

pub use config::{Config, Probe, Transport};
pub use error::Error;
pub use fake::FakeSwitch;
pub use lanes::{LaneSwitch, SeenLane, SwitchError};

use account::Account;
use process::Supervisor;
use service::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tornado_mesh::tor::TorProcess;
use tornado_mesh::wg::WgClient;
use tornado_mesh::{Context, Readiness};
use torrc::Layout;

/// Serves until `context.shutdown` is cancelled, then ends Tor and shuts the lane.
///
/// Ready means that the contract answers. Tor itself may be missing, stopped or failing: status says so, and
/// the lane stays shut.
pub async fn run(context: Context, config: Config) -> Result<(), Error> {
    let switch = Arc::new(adapter::WgSwitch(WgClient::new(context.channel("wg"))));
    run_with(context, config, switch).await
}

/// [`run`] with another one who switches the lane.
pub async fn run_with(context: Context, config: Config, switch: Arc<dyn LaneSwitch>) -> Result<(), Error> {
    config.validate()?;
    if !config::is_path(&context.state_dir) {
        return Err(Error::Config(format!("torrc cannot name the directory {}", context.state_dir.display())));
    }
    let account = Account::of(config.user.as_deref())?;
    let config = Arc::new(config);
    let service = Arc::new(Service::new(config.clone(), Layout::new(&context.state_dir), wall_clock));
    let (ready, readiness) = Readiness::new("starting");
    let server = context.server(api::router(&service, context.shutdown.clone()), readiness)?;
    // A child token: should a task end before its time, the others end with it and the supervisor starts anew.
    let stop = context.shutdown.child_token();
    let (reports, ended) = start_supervisor(&service, account, stop.clone())?;
    let mut tasks = JoinSet::new();
    for address in config.addresses() {
        let address = SocketAddr::new(address, config.page_port);
        tasks.spawn(named("page", page::serve(address, service.pages.clone(), stop.clone())));
    }
    tasks.spawn(named("process", follow(service.clone(), reports)));
    tasks.spawn(named("attach", attach::run(service.clone(), account, stop.clone())));
    tasks.spawn(named("probe", prober::run(service.clone(), stop.clone())));
    tasks.spawn(named("lanes", lanes::run(service.clone(), switch, stop.clone())));
    tasks.spawn(named("socket", server.serve(stop.clone())));
    ready.ready();
    let first = tasks.join_next().await;
    let early = !stop.is_cancelled();
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    // Tor has ended when its supervisor has.
    drop(ended.await);
    match first {
        Some(Ok(name)) if early => Err(Error::Task(name)),
        Some(Err(error)) => Err(Error::Panic(error)),
        Some(Ok(_)) | None => Ok(()),
    }
}

type Reports = mpsc::UnboundedReceiver<TorProcess>;

/// Starts the thread that owns the child. The receivers end with it.
fn start_supervisor(
    service: &Service,
    account: Account,
    shutdown: CancellationToken,
) -> Result<(Reports, oneshot::Receiver<()>), Error> {
    const NAME: &str = "tor-process";
    let (sender, reports) = mpsc::unbounded_channel();
    let (end, ended) = oneshot::channel::<()>();
    let supervisor = Supervisor {
        config: service.config.clone(),
        layout: service.layout.clone(),
        account,
        run: service.run(),
        reports: sender,
        log: service.log.clone(),
        restarts: service.restarts.clone(),
        shutdown,
        unix_now: wall_clock,
    };
    let fail = |source| Error::Thread { name: NAME, source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
    let work = move || {
        runtime.block_on(supervisor.supervise());
        // Ends the wait by its drop.
        drop(end);
    };
    std::thread::Builder::new().name(NAME.into()).spawn(work).map_err(fail)?;
    Ok((reports, ended))
}

async fn follow(service: Arc<Service>, mut reports: Reports) {
    while let Some(report) = reports.recv().await {
        service.process(report);
    }
}

async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

fn wall_clock() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
