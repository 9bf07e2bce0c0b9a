//! Service `tor`: the Tor process of the tor lane, and the decision whether the lane may be open.
//!
//! `process` owns the child and renders its torrc; `control` is a client of its control port. `instance` joins them:
//! one Tor process with what is known about it. `lane` decides the lane's state from that, with time as an argument,
//! and `reconcile` sets it in service `wg`. `exits` has one more instance for each exit country in use. `service`
//! composes these behind the contract in `api`.

mod api;
mod config;
mod control;
mod error;
mod exits;
#[cfg(test)]
#[expect(dead_code, reason = "the tests of the service use the other functions")]
#[path = "../tests/support/fake_wg.rs"]
mod fake_wg;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod instance;
mod lane;
mod metrics;
mod operators;
mod process;
mod reconcile;
mod service;

pub use config::{Config, Probe, Transport, Wiring};
pub use error::Error;

use config::Settings;
use process::{Account, Layout};
use service::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use tornado_contracts::ServiceName;
use tornado_contracts::wg::{Wg, WgClient};
use tornado_runtime::clock::Clock;
use tornado_runtime::operators::OperatorRights;
use tornado_runtime::{Context, Readiness, Running, Tasks, ground};

/// Serves until `context.shutdown` is cancelled, then stops Tor and closes the lane.
///
/// Ready means that the contract is served. Tor may still be missing, stopped or failing; the status reports that, and
/// the lane stays closed.
///
/// # Errors
///
/// Fails if the configuration is invalid, the socket or the state directory is not usable, or a task ends early.
pub fn run(context: Context, config: Config, wiring: Wiring) -> Running<Error> {
    let wg = Arc::new(WgClient::new(context.channel(ServiceName::Wg)));
    Box::pin(run_with(context, config, wiring, wg))
}

/// As [`run`], with another implementation of service `wg`.
///
/// # Errors
///
/// As [`run`].
pub async fn run_with(context: Context, config: Config, mut wiring: Wiring, wg: Arc<dyn Wg>) -> Result<(), Error> {
    config.validate()?;
    wiring.validate()?;
    if !config::validate::is_path(&context.state_dir) {
        return Err(Error::Config(format!(
            "the path {} has characters that torrc does not allow",
            context.state_dir.display()
        )));
    }
    let account = Account::of(wiring.user.as_deref())?;
    if !ground::has_ipv6() {
        wiring.retain_ipv4();
    }
    let (listen, page_port) = (wiring.listen.clone(), config.page_port);
    let settings = Arc::new(Settings { own: config, wiring });
    let service = Arc::new(Service::new(settings, Layout::new(&context.state_dir), Clock::system()));
    metrics::publish(&context.metrics, &service);
    let (ready, readiness) = Readiness::new("starting");
    let rights = OperatorRights::new(context.channel(ServiceName::Auth));
    let router = api::router(&service, context.shutdown.clone()).merge(operators::router(&service, rights));
    let server = context.server(router, readiness)?;
    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    let tor_ended = instance::start(&service.tor, account, &mut tasks)?;
    let countries = exits::countries::run(service.tor.clone(), service.countries.clone(), account, stop.clone());
    tasks.spawn("countries", countries);
    for address in listen {
        let address = SocketAddr::new(address, page_port);
        tasks.spawn("page", lane::page::serve(address, service.pages.clone(), stop.clone()));
    }
    tasks.spawn("lanes", reconcile::run(service.clone(), wg, stop.clone()));
    tasks.spawn("socket", server.serve(stop.clone()));
    ready.ready();
    let ended = tasks.run().await;
    // The supervisor returns only after Tor has ended.
    drop(tor_ended.await);
    Ok(ended?)
}
