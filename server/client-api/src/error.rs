//! Errors of the service itself, as opposed to those of the device API.

use std::net::SocketAddr;
use tornado_runtime::tls::TlsError;
use tornado_runtime::{ContextError, TaskError};

/// The device API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service's own Unix socket failed.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A TCP address is not available.
    #[error("cannot listen on {address}: {source}; check with `ss -ltnp` whether another program uses the port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// Only one of the two files is configured.
    #[error("invalid settings in [client_api]: set both 'certificate' and 'key', or neither")]
    HalfCertificate,
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
