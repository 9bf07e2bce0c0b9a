//! The console in a browser: a server with invented data, and the gallery of parts.
//!
//! The test server serves the product's pages with the product's files for the browser. Only the gallery has files of
//! this package, which is built twice: for the test program, and for the browser. The product contains none of it.

#![forbid(unsafe_code)]
#![recursion_limit = "512"]

#[cfg(feature = "ssr")]
pub mod browser;
pub mod gallery;
#[cfg(feature = "ssr")]
pub mod sample;

/// Takes over the gallery that the test server rendered. It has no texts.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate(_texts: &str) {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(gallery::Gallery);
    tornado_ui::mark_hydrated();
}
