//! The helper's service: the contract's methods, and the tasks that keep the connection alive.

mod calls;
mod engine;
pub(crate) mod events;
pub(crate) mod maintenance;
mod queries;

pub(crate) use engine::{Engine, Found, Reads};
