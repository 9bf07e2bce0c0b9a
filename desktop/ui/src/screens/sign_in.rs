//! Sign-in to the enrolled server.

use crate::context::use_window;
use crate::parts::code::{CodeField, WithCode};
use crate::parts::frame::{Say, Top};
use crate::parts::trouble::{Failed, Noticed};
use crate::texts::use_texts;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use serde::Serialize;
use tornado_gui_api::{Failure, SignIn as Request};
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::feedback::Note;
use tornado_ui::field::{Field, Sent};
use tornado_ui::view;

#[derive(Serialize)]
struct Arguments {
    input: Request,
}

/// The screen. The code of the second factor is asked for when the server requires one.
#[component]
pub fn SignIn() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let with_code = WithCode::new();
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let text = Signal::derive(move || {
        window.view.with(|view| {
            let account = view.account.as_ref();
            account.map_or_else(String::new, |account| t.sign_in_text(&account.server, &account.user))
        })
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(sent) = Sent::of(&event) else { return };
        let input = Request { password: sent.text("password"), code: sent.text("code") };
        window.send_then("sign_in", Arguments { input }, move |result: &Result<(), Failure>| with_code.after(result));
    };
    let submit_word = move || if is_busy.get() { t.sign_in_busy() } else { t.sign_in_submit() };
    view! {
        <Top />
        <main class="win-body" id="main">
            <Say title=t.sign_in_title() text />
            <Note>{t.sign_in_kept()}</Note>
            <form class="win-form" on:submit=submit>
                <Field
                    name="password"
                    kind="password"
                    label=t.password()
                    autocomplete="current-password"
                    large=true
                    required=true
                />
                <CodeField with=with_code />
                <Failed />
                <Noticed />
                <div class="win-foot">
                    <Button kind=Kind::Primary size=Size::Large submit=true wide=true disabled=is_busy>{submit_word}</Button>
                </div>
            </form>
        </main>
    }
}
