//! The server's public statement and its invitations.

pub mod invitations;
pub mod statement;
