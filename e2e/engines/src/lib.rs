//! Real PostgreSQL and Redis servers for tests, from Debian's packages.
//!
//! Each has its own directory and listens on a Unix socket in it. Servers therefore do not conflict with each other or
//! with those of the machine, and programs in any network namespace can reach them. A server ends with the process that
//! started it, even if that is killed. The next process removes what a killed one left behind.

#![forbid(unsafe_code)]

mod authority;
mod child;
mod cluster;
mod engine;
mod error;
mod place;
mod postgres;
mod redis;

pub use authority::Authority;
pub use cluster::Cluster;
pub use engine::Engine;
pub use error::EngineError;
pub use postgres::{Postgres, PostgresOptions};
pub use redis::{Redis, RedisOptions};
