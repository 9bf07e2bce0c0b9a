//! The desktop client's window, on a display without a screen, driven through the driver of its web view.

#![forbid(unsafe_code)]

pub mod accessible;
pub mod display;
pub mod driver;
