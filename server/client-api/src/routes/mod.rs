//! Handlers: extract, call one service, convert.

pub mod account;
pub mod events;
pub mod general;
pub mod lanes;
pub mod own;
pub mod tor;
