//! Contracts between the server's processes: one file per service, with its methods, types and error.
//!
//! Each contract is a list for [`tornado_rpc::contract!`], which generates the trait, the router and the client. Every
//! method lists the services that may call it; root may call every method.

#![forbid(unsafe_code)]

/// Gives each variant of an enum its word, as `as_str` and `Display`.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $name {
            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub mod auth;
pub mod engines;
pub mod exposition;
pub mod master;
pub mod operator;
#[cfg(test)]
mod rights_tests;
mod service;
pub mod session;
pub mod telemetry;
pub mod token;
pub mod tor;
mod traffic_policy;
pub mod wg;

pub use service::{ServiceName, UnknownService};
pub use traffic_policy::{MAX_RATE, TrafficPolicy, UserTrafficPolicy};

/// Default of a number in an input.
const fn number<const N: u32>() -> u32 {
    N
}
