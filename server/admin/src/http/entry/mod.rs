//! How a browser gets a sign-in: by password or with the set-up link.

mod setup;
mod sign_in;

pub use setup::set_up;
pub use sign_in::{sign_in, sign_out};
