//! One file per table: functions with the SQL of one statement or a few.

pub mod audit;
pub mod credentials;
pub mod devices;
pub mod envelopes;
pub mod families;
pub mod invitations;
pub mod operators;
pub mod settings;
pub mod setup;
pub mod sign_ins;
pub mod tls;
pub mod users;
