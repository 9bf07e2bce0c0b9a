//! Finds the server: names, addresses, and the verification of its pinned identity.

mod dns;
mod error;
mod reach;
mod resolver;

pub(crate) use dns::marked_udp;
pub(crate) use error::translate;
pub(crate) use reach::{VerifiedServer, endpoints, reach};
pub(crate) use resolver::{OwnResolvers, Resolver};
