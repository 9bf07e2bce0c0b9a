//! The console's pages over the admin API: what a page shows is read through [`AdminApi`](tornado_admin_api::AdminApi)
//! and converted; nothing here decides about access.
//!
//! The service `admin` implements [`Caller`], which knows the sign-in of one request, and mounts [`router`].

#![forbid(unsafe_code)]

mod acts;
mod bounded;
mod caller;
mod console;
mod logs;
mod memory;
mod overview;
mod people;
mod services;
mod source;
mod system;
mod tor;

use axum::Router;
use axum::http::request::Parts;
use source::ApiSource;
use std::sync::Arc;
use tornado_admin_ui::serve::Assets;
use tornado_admin_ui::source::Source;

pub use caller::{Caller, MakeCaller, Use};
pub use console::Console;

/// Pages, their data, sign-in and sign-out, and the files for the browser.
pub fn router(console: Arc<Console>, assets: Assets, make_caller: MakeCaller) -> Router {
    let make_source = move |parts: &Parts| -> Arc<dyn Source> {
        Arc::new(ApiSource::new(console.clone(), make_caller(parts), &parts.headers))
    };
    tornado_admin_ui::serve::router(assets, Arc::new(make_source))
}
