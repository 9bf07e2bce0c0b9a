//! Rows of a panel: a switch, and a way to a page.

use crate::context::{Page, use_window};
use leptos::prelude::*;
use tornado_ui::button::{Button, Size};
use tornado_ui::{live, view};

/// A switch that acts at once. It shows `on`, and changes only when `on` does.
#[component]
pub fn Toggle(
    /// Identifier, unique on the page.
    id: &'static str,
    /// What it switches.
    name: &'static str,
    /// What follows from it.
    hint: &'static str,
    /// Its state.
    #[prop(into)]
    on: Signal<bool>,
    /// Called with the desired state.
    #[prop(into)]
    on_change: Callback<bool>,
) -> impl IntoView {
    let change = move |event| {
        let is_desired = event_target_checked(&event);
        on_change.run(is_desired);
    };
    view! {
        <div class="opt">
            <label for=id>{name}</label>
            <span class="hint" id=format!("{id}-hint")>{hint}</span>
            <input
                class="switch"
                id=id
                type="checkbox"
                role="switch"
                aria-describedby=format!("{id}-hint")
                prop:checked=live(move || on.get())
                on:change=change
            />
        </div>
    }
}

/// A row that leads to a page.
#[component]
pub fn Leads(
    /// Its name.
    name: &'static str,
    /// Its state in words.
    #[prop(into)]
    hint: Signal<String>,
    /// The verb of its button.
    verb: &'static str,
    /// The page.
    to: Page,
) -> impl IntoView {
    let window = use_window();
    let label = format!("{verb}: {name}");
    view! {
        <div class="opt">
            <span class="opt-name">{name}</span>
            <span class="hint"><bdi>{live(move || hint.get())}</bdi></span>
            <span class="opt-act">
                <Button size=Size::Small attr:aria-label=label on:click=move |_| window.page.set(to)>{verb}</Button>
            </span>
        </div>
    }
}
