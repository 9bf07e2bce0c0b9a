//! The screens of the window.

pub mod about;
pub mod absent;
pub mod enrol;
pub mod factor;
pub mod lockdown;
pub mod networks;
pub mod portal;
pub mod profiles;
pub mod report;
pub mod settings;
pub mod sign_in;
pub mod tunnel;
