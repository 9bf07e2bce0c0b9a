//! The console: pages that the server renders whole and that take over in the browser.
//!
//! Reading, sign-in and simple forms work without script. The crate decides nothing about access: the server's
//! [`source::Source`] does, for each call.

#![forbid(unsafe_code)]
#![recursion_limit = "512"]

pub mod acts;
pub mod address;
pub mod app;
pub mod browser;
pub mod frame;
pub mod keyboard;
pub mod live;
pub mod look;
#[cfg(test)]
mod messages;
pub mod model;
pub mod packed;
pub mod pages;
pub mod reading;
#[cfg(feature = "ssr")]
pub mod serve;
pub mod source;
#[cfg(feature = "ssr")]
pub mod still;
pub mod texts;

/// Takes over the page that the server rendered, with the texts of its language, one a line.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate(texts: String) {
    console_error_panic_hook::set_once();
    texts::load(texts);
    leptos::mount::hydrate_body(app::App);
    tornado_ui::mark_hydrated();
}
