//! Operators, their sign-ins and their second factor.

mod api_tokens;
mod manage;
mod setup;
mod sign_ins;

pub use api_tokens::ApiTokens;
pub use manage::Operators;
pub use setup::Setup;
pub use sign_ins::{Parts as SignInParts, SignIns};
