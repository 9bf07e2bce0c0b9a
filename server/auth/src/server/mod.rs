//! The server's public statement and its invitations.

mod invitations;
mod statement;

pub use invitations::{Address, Invitations};
pub use statement::Statement;
