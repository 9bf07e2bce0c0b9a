//! The console's pages over the admin API: what a page shows is read through [`AdminApi`](tornado_admin_api::AdminApi)
//! and converted; nothing here decides about access.
//!
//! The service `admin` implements [`Caller`], which knows the sign-in of one request, and mounts [`Console::router`].

#![forbid(unsafe_code)]

mod acts;
mod caller;
mod console;
mod logs;
mod memory;
mod overview;
mod people;
mod source;
mod system;
mod tor;

pub use caller::{Caller, MakeCaller};
pub use console::Console;
