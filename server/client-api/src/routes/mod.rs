//! Handlers: extract, call one service, convert.

pub mod account;
pub mod general;
pub mod lanes;
pub mod own;
pub mod tor;
