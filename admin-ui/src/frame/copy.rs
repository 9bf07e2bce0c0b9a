//! A text that is shown once, to be copied.

use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::button::{Button, Size};
use tornado_ui::icon::Icon;
use tornado_ui::{live, view};

/// A field with the text, and the button that copies it.
#[component]
pub fn CopyField(
    /// Identifier, unique on the page.
    id: &'static str,
    /// The label.
    #[prop(into)]
    label: String,
    /// The text.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    let t = use_texts();
    let is_copied = RwSignal::new(false);
    let copied = text.clone();
    let copy = move |_| {
        // Without TLS, browsers hide the clipboard; the field can be selected.
        if window().is_secure_context() {
            drop(window().navigator().clipboard().write_text(&copied));
            is_copied.set(true);
        }
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <div class="copy">
                <input class="input mono" id=id dir="ltr" readonly value=text />
                <Button size=Size::Small icon=Icon::Copy on:click=copy>
                    {live(move || if is_copied.get() { t.copied() } else { t.copy() })}
                </Button>
            </div>
        </div>
    }
}
