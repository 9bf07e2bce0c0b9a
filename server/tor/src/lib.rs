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
mod bridge;
mod circuits;
mod config;
mod control;
mod countries;
mod damper;
mod directory;
mod error;
mod fake;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lanes;
mod machine;
mod offer;
mod page;
mod paths;
mod places;
mod probe;
mod prober;
mod process;
mod ring;
mod service;
mod stuck;
mod torrc;
mod unit;
mod wanted;

pub use config::{Config, Probe, Transport};
pub use error::Error;
pub use fake::FakeSwitch;
pub use lanes::{LaneSwitch, SeenLane, SwitchError};

use account::Account;
use service::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;
use tornado_mesh::wg::WgClient;
use tornado_mesh::{Context, Readiness, ground};
use torrc::Layout;
use unit::named;

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
    let config = Arc::new(if ground::has_ipv6() { config } else { config.of_ipv4() });
    let service =
        Arc::new(Service::new(config.clone(), Layout::new(&context.state_dir), tornado_mesh::trial::unix_now));
    let (ready, readiness) = Readiness::new("starting");
    let server = context.server(api::router(&service, context.shutdown.clone()), readiness)?;
    // A child token: should a task end before its time, the others end with it and the supervisor starts anew.
    let stop = context.shutdown.child_token();
    let mut tasks = JoinSet::new();
    let ended = unit::start(&service, account, &stop, &mut tasks)?;
    tasks.spawn(named("countries", countries::run(service.clone(), account, stop.clone())));
    for address in config.addresses() {
        let address = SocketAddr::new(address, config.page_port);
        tasks.spawn(named("page", page::serve(address, service.pages.clone(), stop.clone())));
    }
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
