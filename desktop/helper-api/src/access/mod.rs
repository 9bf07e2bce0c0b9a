//! Access control of the helper's socket: which users of this machine may call it.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::Access;
#[cfg(windows)]
pub use windows::Access;

/// The roles that a caller of the helper can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperCaller {
    /// A user of this machine who may call the helper.
    User,
}
