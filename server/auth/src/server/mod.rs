//! The server's public statement and its invitations.

pub mod invitations;
pub mod settings;
pub mod statement;
