//! The desktop client's window against a real helper, a real server and a private Tor network.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

mod journey;
mod screens;
mod site;
