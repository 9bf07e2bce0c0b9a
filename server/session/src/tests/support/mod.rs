//! The service with its dependencies, controlled by a test.

pub(super) mod auth;
pub(super) mod tor;
pub(super) mod wg;
pub(super) mod world;
