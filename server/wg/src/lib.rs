//! Service `wg`: both lanes, their peers, their firewall.
//!
//! `peers` decides and calls an interface; `backend` holds the kernel's WireGuard and the one inside
//! this process; `firewall` renders the policy and puts it in place; `service` joins them under the contract
//! [`tornado_contracts::wg::Wg`]. Needs CAP_NET_ADMIN and nothing else: no root, no `wg`, no `ip`; `nft` for the rules.
//!
//! An interface that is taken away is noticed within a second and made anew, with its peers and their last
//! endpoints; until then changes fail with `LaneFailed` and status shows the lane as down.

mod alarms;
mod backend;
mod canary;
mod commit;
mod config;
mod contract;
mod crowd;
mod endpoints;
mod error;
mod fallback;
mod files;
mod firewall;
mod forwarding;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod guard;
mod interfaces;
mod keys;
mod lane;
mod leave;
mod mend;
mod netfilter;
mod netlink;
mod pace;
mod peers;
mod program;
mod service;
mod shown;
mod sysctl;
mod tor_lane;
mod tor_paths;
mod uplinks;

pub use backend::BackendError;
pub use config::{BackendChoice, Config};
pub use error::Error;
pub use firewall::{FirewallError, foreign_tables};
pub use netlink::NetlinkError;

use contract::Contract;
use firewall::{Firewall, Nft, Policy};
use interfaces::Factory;
use netfilter::{Maps, Notices, OwnRuns};
use netlink::Netlink;
use service::Service;
use std::sync::Arc;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::audit::AuditClient;
use tornado_packet_io::TunNode;
use tornado_runtime::{Context, Readiness, TUN_SOCKET, Tasks, socket_path};

/// This service's own user, and the one as which Tor runs.
fn local_users() -> impl Iterator<Item = u32> {
    let tor = nix::unistd::User::from_name("tornado-tor").ok().flatten();
    tor.map(|user| user.uid.as_raw()).into_iter().chain([nix::unistd::geteuid().as_raw()])
}

/// Runs the service until `context.shutdown`, then takes away what it made but its files.
///
/// Not ready before the first `sync_peers`: until then `put_peer` answers `NotSynced`.
pub async fn run(context: Context, config: Config) -> Result<(), Error> {
    config.validate()?;
    let keys = keys::load_or_create(&context.state_dir)?;
    let own = OwnRuns::default();
    let nft = Nft::new(own.clone());
    let canary = canary::CanaryTable::new(nft.clone(), &config.table, &config.tor, config.canary()?);
    // Before anything is made, replaced or removed.
    firewall::refuse_foreign(&nft, &[&config.table, canary.name()]).await?;
    let maps = Maps::open(&config.table, &own).map_err(FirewallError::Maps)?;
    let mut policy = Policy::of(&config)?;
    policy.local_users.extend(local_users());
    policy.admission.with_timeouts = nft.accepts(policy.admission.probe(&config.table)).await;
    if !policy.admission.with_timeouts {
        tracing::info!("this kernel cannot shorten timeouts of the lanes' flows: they are those of the host");
    }
    let firewall = Firewall::new(policy, nft, maps);
    // Before the first rule: nothing that somebody changes later is missed.
    let notices = Notices::open(vec![config.table.clone(), canary.name().to_owned()], own)
        .inspect_err(|error| tracing::warn!(%error, "changes of the firewall are found at intervals only"))
        .ok();
    let notifies = notices.is_some();
    let node = TunNode::Socket(socket_path(&context.run_dir, TUN_SOCKET));
    let factory = Factory::new(Netlink::connect()?, config, keys, node).await?;
    let (setter, readiness) = Readiness::new("waiting for the first sync of the peers");
    let service = Arc::new(Service::start(factory, firewall, &context.state_dir, setter).await?);
    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    let router = tornado_contracts::wg::router(Arc::new(Contract(service.clone(), stop.clone())));
    let server = match context.server(router, readiness) {
        Ok(server) => server,
        Err(error) => {
            service.stop().await;
            return Err(error.into());
        }
    };
    tracing::info!("both lanes are up");
    let auth = AuditClient::new(context.channel(ServiceName::Auth));
    tasks.spawn("socket", server.serve(stop.clone()));
    let own = || (service.clone(), stop.clone());
    let (wg, until) = own();
    tasks.spawn("lanes", async move { wg.watch_lanes(notifies, &until).await });
    let (wg, until) = own();
    tasks.spawn("endpoints", async move { wg.watch_endpoints(&until).await });
    let (wg, until) = own();
    tasks.spawn("firewall", async move { wg.watch_firewall(notices, &until).await });
    let (wg, until) = own();
    tasks.spawn("host", async move { wg.watch_host(notifies, &until).await });
    let (wg, until) = own();
    tasks.spawn("canary", async move { wg.watch_canary(canary, &until).await });
    let (wg, until) = own();
    tasks.spawn("crowd", async move { wg.watch_crowd(&until).await });
    let (wg, until) = own();
    tasks.spawn("alarms", async move { wg.alarms.hand_over(auth, &until).await });
    let ended = tasks.run().await;
    service.stop().await;
    Ok(ended?)
}
