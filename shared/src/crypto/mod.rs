//! The login handshake and the server's identity. Wraps well-maintained libraries and implements no primitive.

pub mod encoding;
pub mod identity;
pub mod login_key;
pub mod v1;
pub mod v2;

/// Reasons for which sealed data cannot be opened or a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The data was altered, or sealed to another key or for another purpose.
    #[error("cannot open the sealed data: it was altered or sealed to another key")]
    Open,
    /// A field has the wrong length or encoding.
    #[error("a field of the sealed data is malformed")]
    Malformed,
    /// The peer's key would result in a public shared secret.
    #[error("the peer's key is weak")]
    WeakKey,
    /// The signature is invalid.
    #[error("the server's signature is invalid")]
    Signature,
    /// The server's identity is not the pinned one.
    #[error("the server's identity differs from the pinned one")]
    WrongIdentity,
    /// A signed key is not valid at this time.
    #[error("the server's login key is not valid at this time; check this device's clock")]
    KeyExpired,
    /// The envelope is too old, or from the future.
    #[error("the time of the request differs from the current time by {skew} seconds")]
    Stale {
        /// Current time minus the time of the envelope, seconds.
        skew: i64,
    },
}
