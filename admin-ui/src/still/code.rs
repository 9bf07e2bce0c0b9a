//! Sign-in: the code of the second factor.

use crate::pages::entry::{Plain, refused};
use crate::pages::parameter;
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::field::Field;
use tornado_ui::{live, view};

/// The code of the second factor, or a recovery code.
#[component]
pub fn Code() -> impl IntoView {
    let t = use_texts();
    let back = parameter("back");
    let error = refused();
    view! {
        <Plain title=t.code_title() text=t.code_text()>
            <form class="stack" method="post" action="/sign-in/code">
                <input type="hidden" name="back" value=live(move || back.get().unwrap_or_default()) />
                <Field
                    name="code"
                    label=t.field_code()
                    hint=t.field_code_hint().to_owned()
                    autocomplete="one-time-code"
                    required=true
                    class="code-input"
                    error
                />
                <Button kind=Kind::Primary size=Size::Large wide=true submit=true>{t.sign_in()}</Button>
            </form>
            <p class="hint">
                {t.lost_factor()}
                " "
                <code><bdi dir="ltr">"tornadod operator reset-factor NAME"</bdi></code>
            </p>
        </Plain>
    }
}
