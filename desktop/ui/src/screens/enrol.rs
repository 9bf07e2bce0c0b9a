//! Joining a server with an invitation: pasted, from a file, or from a link that opened the program.

use crate::context::use_window;
use crate::parts::frame::{Say, Top};
use crate::parts::trouble::Failed;
use crate::texts::use_texts;
use leptos::ev::{Event, SubmitEvent};
use leptos::html::Textarea;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsCast as _;
use serde::Serialize;
use tornado_gui_api::Enrol as Request;
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::field::{Field, Sent};
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::view;

/// Largest file that is read for an invitation, bytes.
const LARGEST: f64 = 65_536.0;

#[derive(Serialize)]
struct Arguments {
    input: Request,
}

/// The link in a text: the first word that begins as one.
fn link_in(text: &str) -> Option<String> {
    text.split_whitespace().find(|word| word.starts_with("tornado://")).map(str::to_owned)
}

/// The screen.
#[component]
pub fn Enrol() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let link = NodeRef::<Textarea>::new();
    let with_code = RwSignal::new(false);
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let start = move |read: fn(&tornado_gui_api::Start) -> Option<String>| {
        window.start.with(|start| start.as_ref().and_then(read)).unwrap_or_default()
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(sent) = Sent::of(&event) else { return };
        let input = Request {
            link: link_in(&sent.text("link")).unwrap_or_else(|| sent.text("link")),
            username: sent.text("username"),
            password: sent.text("password"),
            code: sent.text("code"),
            device: sent.text("device"),
        };
        window.send_then("enrol", Arguments { input }, move |result| {
            if result.as_ref().is_err_and(|failure| failure.code == "totp_required") {
                with_code.set(true);
            }
        });
    };
    let read = move |event: Event| {
        let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
        let file = input.and_then(|input| input.files()).and_then(|files| files.get(0));
        let Some(file) = file.filter(|file| file.size() <= LARGEST) else { return };
        spawn_local(async move {
            let text = wasm_bindgen_futures::JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
            if let (Some(text), Some(link)) = (text, link.get_untracked()) {
                link.set_value(&link_in(&text).unwrap_or(text));
            }
        });
    };
    let submit_word = move || if is_busy.get() { t.enrol_busy() } else { t.enrol_submit() };
    view! {
        <Top />
        <main class="win-body" id="main">
            <Say title=t.enrol_title() text=t.enrol_text() />
            <form class="win-form" on:submit=submit>
                <div class="field">
                    <label for="link">{t.enrol_link()}</label>
                    <textarea
                        class="input mono"
                        id="link"
                        name="link"
                        rows="3"
                        dir="ltr"
                        spellcheck="false"
                        autocapitalize="none"
                        required
                        aria-describedby="link-hint"
                        node_ref=link
                        prop:value=move || start(|start| start.invitation.clone())
                    ></textarea>
                    <p class="hint" id="link-hint">{t.enrol_link_hint()}</p>
                </div>
                <label class="btn btn-s pick">
                    <Pic icon=Icon::File />
                    {t.enrol_file()}
                    <input class="vh" type="file" id="file" on:change=read />
                </label>
                <Field name="username" label=t.enrol_username() hint=t.enrol_username_hint() autocomplete="username" />
                <Field
                    name="password"
                    kind="password"
                    label=t.enrol_password()
                    hint=t.enrol_password_hint()
                    autocomplete="new-password"
                    required=true
                />
                {move || {
                    with_code.get().then(|| {
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
                }}
                {move || {
                    let device = start(|start| Some(start.device.clone()));
                    view! { <Field name="device" label=t.enrol_device() value=device required=true /> }
                }}
                <Failed />
                <div class="win-foot">
                    <Button kind=Kind::Primary size=Size::Large submit=true wide=true disabled=is_busy>{submit_word}</Button>
                </div>
            </form>
        </main>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_found_in_a_text_around_it() {
        let text = "Hello,\n your invitation: tornado://vpn.example.net/#abc\nGoodbye";
        assert_eq!(link_in(text).as_deref(), Some("tornado://vpn.example.net/#abc"));
        assert_eq!(link_in("https://example.net"), None);
    }
}
