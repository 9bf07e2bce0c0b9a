//! Live events for the console: a bounded buffer of the latest events, and the tasks that fill it.

mod feeds;
mod hub;

pub use feeds::{follow_numbers, follow_services, follow_sessions, follow_tor};
pub use hub::{Event, Hub, Position, Read, SESSION};
