//! The login handshake and the server's identity. Wraps well-kept libraries and implements no primitive.

pub mod encoding;
pub mod identity;
pub mod login_key;
pub mod v1;
pub mod v2;

/// Why a sealed thing did not open or a signed thing was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Altered, made with another key, or for another purpose.
    #[error("the sealed data does not open: it was altered or made for another key")]
    Open,
    /// A field has the wrong length or encoding.
    #[error("a field of the sealed data is malformed")]
    Malformed,
    /// The peer's key would give a secret that everybody knows.
    #[error("the other side's key is not acceptable")]
    WeakKey,
    /// Signature is wrong.
    #[error("the signature is not the server's")]
    Signature,
    /// Not the server that was pinned.
    #[error("this is not the server that was pinned: its identity has changed")]
    WrongIdentity,
    /// A signed key is outside its time.
    #[error("the server's login key is outside its time; check the clock")]
    KeyExpired,
    /// Envelope too old or from the future.
    #[error("the time of the request is {skew} seconds away from now")]
    Stale {
        /// Now less the time of the envelope, seconds.
        skew: i64,
    },
}
