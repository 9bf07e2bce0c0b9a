//! Actions on behalf of an operator.

use serde::{Deserialize, Serialize};
use tornado_shared::model::Secret;

/// An action that requires a right, with the operator on whose behalf it runs.
///
/// The command line (uid 0) does not name an operator. Service `admin` passes the operator's sign-in token; `auth`
/// checks sign-in and role on every call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Acting<T> {
    /// Token of the operator's sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Secret>,
    /// The action.
    #[serde(flatten)]
    pub what: T,
}

impl<T> Acting<T> {
    /// An action of the command line.
    pub const fn root(what: T) -> Self {
        Self { operator: None, what }
    }

    /// An action of a signed-in operator.
    pub const fn operator(token: Secret, what: T) -> Self {
        Self { operator: Some(token), what }
    }
}
