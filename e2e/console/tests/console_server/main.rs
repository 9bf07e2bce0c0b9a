//! The console of a whole server in the lab, in Chromium: set-up, sign-in, every page, changes.

mod changes;
mod pages;
mod site;
