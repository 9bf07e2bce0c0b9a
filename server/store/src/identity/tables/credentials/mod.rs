//! Tables of what operators use besides a password.

pub mod api_tokens;
pub mod passkeys;
