//! Operators, their sign-ins and their second factor.

mod manage;
mod setup;
mod sign_ins;

pub use manage::Operators;
pub use setup::Setup;
pub use sign_ins::{Parts as SignInParts, SignIns};
