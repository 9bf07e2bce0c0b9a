//! Service `tor`: the Tor process of the tor lane, and the decision whether the lane may be open.
//!
//! `machine` decides, with time as an argument. `torrc` renders. `process` owns the child process, and `control` talks
//! to it. `attach` and `prober` observe its health. `lanes` sets the lane in `wg`. `page` is what devices see in
//! maintenance. The operator's desired state is stored separately, in `wanted`.

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
use tornado_contracts::ServiceName;
use tornado_contracts::wg::WgClient;
use tornado_runtime::{Context, Readiness, Tasks, ground};
use torrc::Layout;

/// Serves until `context.shutdown` is cancelled, then stops Tor and closes the lane.
///
/// Ready means that the contract is served. Tor may still be missing, stopped or failing; the status reports that, and
/// the lane stays closed.
///
/// # Errors
///
/// Fails if the configuration is invalid, the socket or the state directory is not usable, or a task ends early.
pub async fn run(context: Context, config: Config) -> Result<(), Error> {
    let switch = Arc::new(adapter::WgSwitch(WgClient::new(context.channel(ServiceName::Wg))));
    run_with(context, config, switch).await
}

/// As [`run`], with another implementation of the lane switch.
///
/// # Errors
///
/// As [`run`].
pub async fn run_with(context: Context, config: Config, switch: Arc<dyn LaneSwitch>) -> Result<(), Error> {
    config.validate()?;
    if !config::is_path(&context.state_dir) {
        return Err(Error::Config(format!(
            "the path {} has characters that torrc does not allow",
            context.state_dir.display()
        )));
    }
    let account = Account::of(config.user.as_deref())?;
    let config = Arc::new(if ground::has_ipv6() { config } else { config.of_ipv4() });
    let service =
        Arc::new(Service::new(config.clone(), Layout::new(&context.state_dir), tornado_runtime::clock::unix_now));
    let (ready, readiness) = Readiness::new("starting");
    let server = context.server(api::router(&service, context.shutdown.clone()), readiness)?;
    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    let tor_ended = unit::start(&service, account, &mut tasks)?;
    tasks.spawn("countries", countries::run(service.clone(), account, stop.clone()));
    for address in config.addresses() {
        let address = SocketAddr::new(address, config.page_port);
        tasks.spawn("page", page::serve(address, service.pages.clone(), stop.clone()));
    }
    tasks.spawn("lanes", lanes::run(service.clone(), switch, stop.clone()));
    tasks.spawn("socket", server.serve(stop.clone()));
    ready.ready();
    let ended = tasks.run().await;
    // The supervisor returns only after Tor has ended.
    drop(tor_ended.await);
    Ok(ended?)
}
