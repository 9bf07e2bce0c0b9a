//! The server's public statement and its invitations.

mod invitations;
mod settings;
mod statement;

pub use invitations::{Address, Invitations};
pub use settings::Settings;
pub use statement::Statement;
