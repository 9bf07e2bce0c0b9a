//! Entry points for the fuzz targets: the router without TLS.

use crate::Api;
use crate::extract::Peer;
use axum::{Extension, Router};
use std::net::IpAddr;

pub use crate::extract::MAX_BODY;

/// The router for a connection from `peer`.
pub fn router(api: Api, peer: IpAddr) -> Router {
    crate::router(api).layer(Extension(Peer(peer)))
}
