//! Failures of the control port.

/// Why a request to the control port failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("cannot use the control socket: {0}")]
    Io(#[from] std::io::Error),
    #[error("the control connection was closed")]
    Closed,
    #[error("Tor did not respond in time")]
    Late,
    #[error("protocol error on the control port: {0}")]
    Protocol(&'static str),
    #[error("the process behind the control socket is not the Tor process of this service")]
    NotTor,
    #[error("Tor rejected the command with {code}: {text}")]
    Refused {
        /// Status code of the reply.
        code: u16,
        /// Text of the reply.
        text: String,
    },
}
