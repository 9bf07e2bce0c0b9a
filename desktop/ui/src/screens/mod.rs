//! The screens of the window.

pub mod absent;
pub mod enrol;
pub mod settings;
pub mod sign_in;
pub mod tunnel;
