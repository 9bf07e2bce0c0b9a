//! How a browser gets a sign-in: by password or with the set-up link.

mod setup;
mod sign_in;

pub use setup::{create_first, set_up};
pub use sign_in::{begin_passkey, by_passkey, by_password, cookie_of, sign_in, sign_out};
