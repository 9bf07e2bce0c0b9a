//! A running service with scripted neighbours.

pub mod fakes;
pub mod world;
