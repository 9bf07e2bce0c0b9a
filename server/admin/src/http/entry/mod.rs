//! How a browser gets a sign-in: by password or with the set-up link.

mod setup;
mod sign_in;

#[cfg(feature = "console")]
pub use setup::create_first;
pub use setup::set_up;
pub use sign_in::{begin_passkey, by_passkey, sign_in, sign_out};
#[cfg(feature = "console")]
pub use sign_in::{by_password, cookie_of};
