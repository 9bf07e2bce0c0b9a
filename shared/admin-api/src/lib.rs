//! The admin API: what operators may see and change, as one trait.
//!
//! [`admin_methods!`] is the list of all methods. From it follow the trait [`AdminApi`], the table [`METHODS`], the
//! REST routes under [`BASE`] and the OpenAPI document. The console calls the same trait. A value of the trait holds
//! the caller's sign-in; `auth` checks it, and the right of each method, on every call.
//!
//! The crate has no I/O and compiles for wasm32.

#![forbid(unsafe_code)]

mod error;
mod methods;
pub mod qr;
pub mod types;

pub use error::{AdminError, AdminResult};
pub use methods::{
    AdminApi, BACK_UP, Cost, EVENTS, EXPORT_AUDIT, EXPORT_LOGS, LIVE_METRICS, METHODS, Method, OPENAPI, STREAMS,
    TAIL_LOGS, Verb,
};

/// Prefix of all routes.
pub const BASE: &str = "/api/v1";
/// Header with which the browser repeats the CSRF token of its sign-in in each request that changes something.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// Header of requests that create something. A repetition with the same key receives the first response.
pub const IDEMPOTENCY_HEADER: &str = "idempotency-key";
