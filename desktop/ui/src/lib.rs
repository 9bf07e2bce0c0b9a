//! The pages of the desktop client's window, with Leptos in the web view of the system.
//!
//! Everything that the window shows is a [`tornado_gui_api::View`] that the program sends; everything that it does is
//! one of the program's commands (`bridge.rs`). Words and choices that depend on the view are pure (`words.rs`,
//! `rates.rs`, `parts/way.rs`).

#![forbid(unsafe_code)]
#![recursion_limit = "512"]

pub mod app;
mod bridge;
mod context;
mod keys;
mod news;
mod parts;
mod picture;
mod rates;
mod screens;
// The texts of the console, with the messages of this crate.
#[path = "../../../admin-ui/src/texts.rs"]
pub mod texts;
mod words;

/// Starts the window's program.
#[cfg(feature = "csr")]
#[wasm_bindgen::prelude::wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(app::App);
    tornado_ui::mark_hydrated();
}
