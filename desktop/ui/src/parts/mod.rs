//! Parts of the screens.

pub mod chart;
pub mod facts;
pub mod frame;
pub mod lanes;
pub mod trouble;
pub mod way;
