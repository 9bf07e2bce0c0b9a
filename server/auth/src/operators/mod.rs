//! Operators, their sign-ins and their second factor.

pub mod api_tokens;
pub mod manage;
pub mod setup;
pub mod sign_ins;
