//! The desktop client's window against a real helper, a real server and a private Tor network.

mod account;
mod desk;
mod join;
mod journey;
mod names;
mod pages;
mod screens;
mod site;
mod tray;
