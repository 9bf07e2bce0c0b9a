//! The whole service over its Unix socket, in one process: real store, real keys, and a scripted session service.

#![expect(clippy::unwrap_used, reason = "a test helper that cannot continue fails the test")]

mod audit;
mod keys;
mod logins;
mod operators;
mod people;
mod rates;
mod staff;
mod start;
mod support;
mod text;
