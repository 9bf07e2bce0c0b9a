//! Parts of the console and of the desktop client: one component for each part of the design.
//!
//! A part renders the same markup on the server and in the browser, writes no `style` attribute and holds no text of its
//! own: words are properties, so that the caller translates them. Class names refer to the console's stylesheet.

#![forbid(unsafe_code)]

pub mod button;
pub mod chart;
pub mod feedback;
pub mod field;
pub mod figures;
pub mod icon;
pub mod overlay;
pub mod palette;
pub mod path;
pub mod state;
pub mod table;
pub mod window;

/// Marks a page that the browser has taken over, for stylesheets and tests.
pub fn mark_hydrated() {
    if let Some(root) = leptos::prelude::document().document_element() {
        // Fails only for an invalid name.
        drop(root.set_attribute("data-hydrated", "true"));
    }
}
