//! The tor lane's state: `control` decides, `switch` changes the kernel.

mod control;
mod switch;

pub(crate) use control::LaneControl;
pub(crate) use switch::TorLaneSwitch;
