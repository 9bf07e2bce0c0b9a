//! The console in a browser: a server with invented data, and the gallery of parts.
//!
//! The library is built twice: for the test program, and for the browser, where it takes over the pages that the test
//! server rendered. The product contains none of it.

#![forbid(unsafe_code)]
#![recursion_limit = "512"]

#[cfg(feature = "ssr")]
pub mod browser;
pub mod gallery;
#[cfg(feature = "ssr")]
pub mod sample;

use leptos::prelude::*;
use tornado_admin_ui::app::App;

/// Path of the gallery.
pub const GALLERY: &str = "/gallery";

#[cfg(feature = "ssr")]
fn path() -> String {
    use_context::<leptos_router::location::RequestUrl>().map(|url| url.as_ref().to_owned()).unwrap_or_default()
}

#[cfg(not(feature = "ssr"))]
fn path() -> String {
    window().location().pathname().unwrap_or_default()
}

/// The gallery at its path, the console everywhere else.
#[component]
pub fn TestApp() -> impl IntoView {
    if path().ends_with(GALLERY) { view! { <gallery::Gallery /> }.into_any() } else { view! { <App /> }.into_any() }
}

/// Takes over the page that the test server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate(texts: String) {
    console_error_panic_hook::set_once();
    tornado_admin_ui::texts::load(texts);
    leptos::mount::hydrate_body(TestApp);
    tornado_admin_ui::mark_hydrated();
}
