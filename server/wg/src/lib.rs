//! Service `wg`: both lanes, their peers and their firewall.
//!
//! - `service` composes the parts below and implements the contract [`tornado_contracts::wg::Wg`].
//! - `peers`: the desired peers, applied to both lanes or to neither.
//! - `tor_lane`: the state of the tor lane.
//! - `guard`, `canary`, `flow_limit`: watches of the rules, of leaks and of the table of tracked flows.
//! - `interfaces`, `firewall`, `routing`: a WireGuard interface for each lane, the nftables policy, rules and routes.
//! - `netfilter`, `host`: the kernel's interfaces to these.
//!
//! The service needs CAP_NET_ADMIN and `nft`; it needs neither root nor the `wg` and `ip` tools.
//!
//! If another program removes an interface, the service detects it within a second and recreates the interface with its
//! peers and their latest endpoints. Until then changes fail with `LaneFailed` and status shows the lane as down.

#![forbid(unsafe_code)]

mod canary;
mod config;
mod error;
mod firewall;
mod flow_limit;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod guard;
mod host;
mod interfaces;
mod metrics;
mod model;
mod netfilter;
mod pace;
mod peers;
mod routing;
mod service;
mod shared;
mod status;
mod tor_lane;

pub use config::{BackendChoice, Config, Lanes, Wiring};
pub use error::Error;
pub use firewall::{FirewallError, foreign_tables};
pub use host::netlink::NetlinkError;
pub use interfaces::BackendError;

use canary::CanaryTable;
use config::Settings;
use firewall::{Firewall, Nft, Policy};
use host::netlink::Netlink;
use interfaces::{Factory, keys};
use netfilter::{Maps, Notices, OwnChanges};
use service::Service;
use std::sync::Arc;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::audit::AuditClient;
use tornado_packet_io::TunNode;
use tornado_runtime::{Context, Readiness, Running, TUN_SOCKET, Tasks, socket_path};

/// User ids of this service and, if the user exists, of Tor.
fn local_users() -> impl Iterator<Item = u32> {
    let tor = nix::unistd::User::from_name("tornado-tor").ok().flatten();
    tor.map(|user| user.uid.as_raw()).into_iter().chain([nix::unistd::geteuid().as_raw()])
}

/// Runs the service until `context.shutdown`, then removes its interfaces and rules; files stay.
///
/// The service is not ready before the first `sync_peers`; until then `put_peer` fails with `NotSynced`.
///
/// # Errors
///
/// Fails if the configuration is invalid, a table of the same name belongs to another program, or a key, an interface,
/// the ruleset or the socket cannot be set up.
pub fn run(context: Context, config: Config, wiring: Wiring) -> Running<Error> {
    Box::pin(run_unboxed(context, config, wiring))
}

async fn run_unboxed(context: Context, config: Config, wiring: Wiring) -> Result<(), Error> {
    config.validate()?;
    wiring.lanes.validate()?;
    let config = Settings { own: config, wiring };
    let keys = keys::load_or_create(&context.state_dir)?;
    let own = OwnChanges::default();
    let nft = Nft::new(own.clone());
    let canary = CanaryTable::new(nft.clone(), &config.own.table, &config.own.tor, config.canary()?);
    // Must precede every change to interfaces and tables.
    firewall::refuse_foreign(&nft, &[&config.own.table, canary.name()]).await?;
    let maps = Maps::open(&config.own.table, &own).map_err(FirewallError::Maps)?;
    let mut policy = Policy::of(&config)?;
    policy.local_users.extend(local_users());
    policy.admission.with_timeouts = nft.accepts(policy.admission.probe(&config.own.table)).await;
    if !policy.admission.with_timeouts {
        tracing::info!("this kernel does not support timeouts per flow; the lanes' flows use the host's timeouts");
    }
    let firewall = Firewall::new(policy, nft, maps);
    // Subscribe before the first rule exists, so that no later change by another program is missed.
    let notices = Notices::open(vec![config.own.table.clone(), canary.name().to_owned()], own)
        .inspect_err(|error| tracing::warn!(%error, "could not watch the firewall; checking at intervals only"))
        .ok();
    let node = TunNode::Socket(socket_path(&context.run_dir, TUN_SOCKET));
    let factory = Factory::new(Netlink::connect()?, config, keys, node).await?;
    let (setter, readiness) = Readiness::new("waiting for the first sync of the peers");
    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    let service = Arc::new(Service::start(factory, firewall, &context.state_dir, setter, stop.clone()).await?);
    let server = match context.server(tornado_contracts::wg::router(service.clone()), readiness) {
        Ok(server) => server,
        Err(error) => {
            service.stop().await;
            return Err(error.into());
        }
    };
    service.publish(&context.metrics);
    tracing::info!("both lanes are up");
    tasks.spawn("socket", server.serve(stop));
    service.spawn_watches(&mut tasks, notices, canary, AuditClient::new(context.channel(ServiceName::Auth)));
    let ended = tasks.run().await;
    service.stop().await;
    Ok(ended?)
}
