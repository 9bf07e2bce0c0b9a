//! Rate limits against password guessing: counters with bounded memory and time as an argument.
//!
//! There are three axes:
//! - A network (an IPv4 address or an IPv6 /64, and with higher limits the /56 and /48 around it) with too many
//!   failures inside the window is blocked for a while.
//! - An account with too many failures, from any address, is only slowed down. Blocking it would let anyone lock the
//!   owner out.
//! - A device or address that proved the account's password earlier is neither blocked nor slowed down by failures of
//!   others. Its own failures also count for its networks.
//!
//! A success clears an address's failures at that account only, so a guesser gains nothing from an account of its own.
//!
//! To guess a second factor code, an attacker must know the password. The pauses for codes therefore grow much longer.

mod aged;
mod attempt;
mod attempts;
mod counters;
mod limits;

pub use attempt::{AccountTag, Attempt};
pub(crate) use attempt::{account_tag, device_tag, operator_tag};
pub(crate) use attempts::{Attempts, Running};
pub use counters::{Guard, RetryAfter};
pub use limits::Limits;
