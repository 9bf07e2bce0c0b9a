//! Users, devices, invitations, operators and the audit trail.

pub mod audit;
pub mod device;
mod export;
pub mod import;
pub mod invite;
pub mod operator;
pub mod user;
