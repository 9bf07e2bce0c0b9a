//! The admin API with the real service `auth`: every route with every role, without a sign-in and with API tokens;
//! passkeys; set-up; live events. All other services are absent, so a permitted request ends with 503 or an invalid
//! field.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

mod access;
mod authenticator;
mod console;
mod passkeys;
mod tokens;
mod world;
