//! The peers of both lanes: the desired set, its changes in batches, and the repair of lanes that differ from it.
//!
//! `set` decides; `both_lanes` applies a change to both interfaces; `registry` holds the desired peers and the effects
//! that follow a change; `add`, `remove` and `sync` are the changes, and `reconcile` repairs lanes.

mod add;
mod both_lanes;
mod endpoints;
mod queue;
mod reconcile;
mod registry;
mod remove;
mod set;
mod spec;
mod sync;

pub(crate) use add::Additions;
pub(crate) use endpoints::Endpoints;
pub(crate) use reconcile::Reconciler;
pub(crate) use registry::Registry;
pub(crate) use remove::Removals;
pub(crate) use set::PeerSet;
