//! Parts of the screens.

pub mod chart;
pub mod code;
pub mod facts;
pub mod frame;
pub mod lanes;
pub mod toggle;
pub mod trouble;
pub mod way;
