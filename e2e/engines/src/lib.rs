//! Real PostgreSQL and Redis servers for tests, as Debian packages them.
//!
//! Each has a directory of its own and listens on a Unix socket in it, so servers never meet each other or one that
//! the machine has, and programs in any network namespace reach them. A server ends with the process that
//! started it, also when that is killed; what a killed process left behind is removed by the next one.

mod authority;
mod child;
mod cluster;
mod error;
mod place;
mod postgres;
mod redis;

pub use authority::Authority;
pub use cluster::Cluster;
pub use error::EngineError;
pub use postgres::{Postgres, PostgresOptions};
pub use redis::{Redis, RedisOptions};
