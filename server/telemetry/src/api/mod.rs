//! The contract of the service.

mod access;
mod convert;
mod logs;
mod metrics;
mod operators;
#[cfg(test)]
mod tests;

pub use access::{Access, Right};
pub use logs::LogService;
pub use metrics::MetricService;
pub use operators::OperatorAccess;
