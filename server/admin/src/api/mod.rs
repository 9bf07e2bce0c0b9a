//! The admin API over the contracts of the services. Nothing here decides about access: each call carries the
//! operator's sign-in, and `auth` decides.

mod convert;
mod methods;
mod overview;
mod parse;
mod people;
mod services;
mod signed;
mod streamed;
mod system;
mod tor;

pub use overview::numbers as session_numbers;
pub use parse::{metric_names, parse};
pub use people::{challenge, operator, session_event};
pub use services::Services;
pub use signed::Signed;
pub use system::services as services_view;
pub use tor::status as tor_view;

use tornado_admin_api::AdminError;
use tornado_rpc::ServiceError;
use tornado_shared::problem::Problem;

/// The problem of a refused call. The contract's error enum stays inside the server.
pub fn problem<E: ServiceError>(error: &E) -> AdminError {
    let mut problem = Problem::new(error.status(), error.code(), error.to_string());
    problem.retry_after = error.retry_after();
    problem.into()
}
