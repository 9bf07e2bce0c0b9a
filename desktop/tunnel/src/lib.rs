//! The device's side of a tunnel: a pure state machine that decides, and an operating system layer that executes.
//!
//! [`state`] takes events and the time and returns effects; it never calls the operating system. [`os`] executes
//! effects and never decides. [`Tunnel`] connects the two.

#![forbid(unsafe_code)]

mod driver;
pub mod os;
pub mod plan;
pub mod policy;
mod slot;
pub mod state;

pub use driver::{Stopped, Tunnel};
