//! Support of tests in several crates. It depends on no service and on no lab, so that unit tests can use it too.

#![forbid(unsafe_code)]

mod scripted;
mod steps;
mod tls;

pub use scripted::{AuthCalls, OperatorsCalls, Scripted, SessionsCalls, TorCalls, UsersCalls, WgCalls};
pub use steps::small_steps;
pub use tls::any_certificate;
pub use tornado_e2e_patience::patient;
