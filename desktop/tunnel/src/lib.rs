//! The device's end of a tunnel: a pure state machine that decides, and an operating system that executes.
//!
//! [`state`] takes events and the time and gives back effects; it never calls the system. [`os`] executes
//! effects and never decides. [`Tunnel`] joins the two.

mod driver;
pub mod os;
pub mod plan;
pub mod policy;
pub mod state;

pub use driver::{Stopped, Tunnel};
