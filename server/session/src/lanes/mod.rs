//! Calls to service `wg`: peers, traffic policies, and the comparison of the lanes with the sessions.

mod client;
mod policy;
mod reconcile;
mod watch;

pub(crate) use client::LaneClient;
pub(crate) use policy::Policies;
pub(crate) use reconcile::Reconciler;
pub(crate) use watch::Watch;
