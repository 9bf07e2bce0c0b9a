//! What operators order from services other than `auth`. Each service serves these methods beside its own contract,
//! checks the operator's sign-in and right with `auth`, and records each change in the audit trail before it acts.

mod error;
pub mod services;
pub mod sessions;
pub mod tor;

pub use error::OperatorError;
