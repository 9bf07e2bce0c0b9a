//! Limits per caller: the rate of requests without a login.

mod rate;

pub use rate::RateLimit;
