//! Operators, their sign-ins and their second factor.

pub mod manage;
pub mod setup;
pub mod sign_ins;
