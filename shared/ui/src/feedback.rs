//! What a list shows instead of rows, and notes in their place on the page.

use crate::icon::{Glyph, Icon, Pic, Shape};
use crate::{Views as _, view};
use leptos::prelude::*;

/// Rows of bars while the first answer is pending.
#[component]
pub fn Skeleton(
    /// What is loading, for screen readers.
    #[prop(into)]
    label: String,
    /// Number of rows.
    #[prop(default = 6)]
    rows: usize,
) -> impl IntoView {
    view! {
        <div class="skeleton" role="status" aria-label=label>
            {(0..rows)
                .map(|row| {
                    let width = ["sk-3", "sk-4", "sk-2"].get(row % 3).copied().unwrap_or("sk-3");
                    view! {
                        <div class="skeleton-row">
                            <span class="skel sk-2"></span>
                            <span class=format!("skel {width}")></span>
                            <span class="skel sk-1"></span>
                        </div>
                    }
                })
                .views()}
        </div>
    }
}

/// No rows: why, and the next step.
#[component]
pub fn Empty(
    /// Picture of what is missing.
    icon: Icon,
    /// What is so.
    #[prop(into)]
    title: String,
    /// Why, what still works, what to do.
    #[prop(into)]
    text: String,
    /// The next step.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Pic icon />
            <h3>{title}</h3>
            <p>{text}</p>
            {children.map(|children| children())}
        </div>
    }
}

/// How serious a note is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// To know.
    #[default]
    Plain,
    /// Something is lost.
    Warning,
    /// Something does not work.
    Fault,
}

/// Something to know, in its place on the page.
#[component]
pub fn Note(
    /// How serious it is.
    #[prop(optional)]
    weight: Weight,
    /// The words.
    children: Children,
) -> impl IntoView {
    let (class, shape) = match weight {
        Weight::Plain => ("note", None),
        Weight::Warning => ("note note-warn", Some(Shape::Triangle)),
        Weight::Fault => ("note note-bad", Some(Shape::Diamond)),
    };
    let mark = match shape {
        None => view! { <Pic icon=Icon::Info /> }.into_any(),
        Some(shape) => view! { <Glyph shape /> }.into_any(),
    };
    view! { <div class=class>{mark}<p>{children()}</p></div> }
}
