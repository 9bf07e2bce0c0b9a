//! The desktop client's window against a real helper, a real server and a private Tor network.

mod desk;
mod journey;
mod screens;
mod site;
mod tray;
