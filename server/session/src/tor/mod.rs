//! Tor as devices use it: exit countries, circuits, and the view of the tor lane.

pub(crate) mod circuits;
mod sync;
mod view;

pub(crate) use sync::run;
pub(crate) use view::tor_view;
