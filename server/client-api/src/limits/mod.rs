//! Limits per caller: concurrent connections, and the rate of requests without a login.

mod admission;
mod rate;

pub use admission::Admission;
pub use rate::RateLimit;
