//! Parts of the console and of the desktop client: one component for each part of the design.
//!
//! A part renders the same markup on the server and in the browser, writes no `style` attribute and holds no text of
//! its own: words are properties, so that the caller translates them. Class names refer to the console's stylesheet.

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

// The macro names this crate, also inside of it.
extern crate self as tornado_ui;

use leptos::prelude::{AnyView, Effect, IntoAny as _, IntoView, Suspend};
use leptos::tachys::view::iterators::StaticVec;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
pub use tornado_ui_macros::view;

/// One of several children. `view!` calls it.
#[doc(hidden)]
pub fn part(view: impl IntoView + 'static) -> AnyView {
    view.into_view().into_any()
}

/// The children of an element. `view!` calls it.
#[doc(hidden)]
pub fn parts(parts: Vec<AnyView>) -> StaticVec<AnyView> {
    parts.into()
}

/// Views of a list. All lists have the same type, so that the browser downloads what handles a list once.
pub trait Views {
    /// The views.
    fn views(self) -> Vec<AnyView>;
}

impl<I> Views for I
where
    I: IntoIterator,
    I::Item: IntoView + 'static,
{
    fn views(self) -> Vec<AnyView> {
        self.into_iter().map(|view| view.into_view().into_any()).collect()
    }
}

/// Runs `work` in the browser, and again when a signal that it reads changes. One type for all, as of [`live`].
pub fn effect(work: impl FnMut() + 'static) {
    let mut work: Box<dyn FnMut()> = Box::new(work);
    Effect::new(move |_: Option<()>| work());
}

/// A value that changes, without the type of its function: the browser downloads what follows a value once for each
/// type of value, instead of once for each function.
pub fn live<T: 'static>(value: impl FnMut() -> T + Send + 'static) -> Arc<Mutex<dyn FnMut() -> T + Send>> {
    Arc::new(Mutex::new(value))
}

/// Content that comes later.
pub type Later = Pin<Box<dyn Future<Output = AnyView> + Send>>;

/// The content of a `Transition`, read again when a signal that `content` reads changes. One type for all, as of
/// [`live`].
pub fn later(
    mut content: impl FnMut() -> Later + Send + 'static,
) -> Arc<Mutex<dyn FnMut() -> Suspend<AnyView> + Send>> {
    live(move || Suspend::new(content()))
}

/// Marks a page that the browser has taken over, for stylesheets and tests.
pub fn mark_hydrated() {
    if let Some(root) = leptos::prelude::document().document_element() {
        // Fails only for an invalid name.
        drop(root.set_attribute("data-hydrated", "true"));
    }
}
