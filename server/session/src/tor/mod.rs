//! Tor as devices use it: exit countries, circuits, and the view of the tor lane.

mod circuits;
mod exit;
mod limit;
mod sync;
mod view;

pub(crate) use circuits::Circuits;
pub(crate) use exit::Countries;
pub(crate) use sync::run;
pub(crate) use view::tor_view;
