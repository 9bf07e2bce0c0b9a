//! The code of the second factor, asked for when the server requires one.

use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_gui_api::Failure;
use tornado_ui::field::Field;
use tornado_ui::view;

/// Shows the field once a failure has required it. It never hides again on the same screen.
#[derive(Clone, Copy)]
pub struct WithCode(RwSignal<bool>);

impl WithCode {
    pub fn new() -> Self {
        Self(RwSignal::new(false))
    }

    /// Considers the result of a request.
    pub fn after<O>(self, result: &Result<O, Failure>) {
        if result.as_ref().is_err_and(|failure| failure.code == "totp_required") {
            self.0.set(true);
        }
    }
}

/// The field, if it is required.
#[component]
pub fn CodeField(
    /// Whether it is.
    with: WithCode,
) -> impl IntoView {
    let t = use_texts();
    move || {
        with.0.get().then(|| {
            view! {
                <Field
                    name="code"
                    label=t.code()
                    hint=t.code_hint()
                    autocomplete="one-time-code"
                    class="code-input"
                    required=true
                />
            }
        })
    }
}
