//! Event streams of devices.

mod feed;
mod streams;

pub use feed::feed;
pub use streams::{Full, Streams, Subscription};
