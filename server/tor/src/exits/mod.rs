//! Exits: which ones Tor offers, a Tor process for each exit country in use, and the path of a device's latest
//! connection.

pub(crate) mod countries;
mod offer;
mod path;
mod places;
mod sync;

pub(crate) use countries::Countries;
pub(crate) use offer::Offer;
pub(crate) use path::path;
pub(crate) use sync::sync_countries;
