//! Joining a server with an invitation: pasted, from a file or a picture, typed in, or from a link that opened the
//! program.

use crate::context::{Page, use_window};
use crate::parts::code::{CodeField, WithCode};
use crate::parts::frame::{PageTop, Say, Top};
use crate::parts::trouble::Failed;
use crate::picture;
use crate::texts::use_texts;
use leptos::ev::{ClipboardEvent, Event, SubmitEvent};
use leptos::html::Textarea;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsCast as _;
use serde::Serialize;
use tornado_gui_api::{Enrol as Request, Failure, Invitation};
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::field::{Field, Sent};
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::view;

/// Largest text file that is read for an invitation, bytes.
const LARGEST: f64 = 65_536.0;
/// Largest picture, bytes.
const LARGEST_PICTURE: f64 = 33_554_432.0;

#[derive(Serialize)]
struct Arguments {
    input: Request,
}

/// The link in a text: the first word that begins as one.
fn link_in(text: &str) -> Option<String> {
    text.split_whitespace().find(|word| word.starts_with("tornado://")).map(str::to_owned)
}

/// The text of an invitation in a file: its text, or that of a QR code.
async fn text_of(file: &web_sys::File) -> Option<String> {
    if file.type_().starts_with("image/") {
        return if file.size() <= LARGEST_PICTURE { picture::text(file).await } else { None };
    }
    if file.size() > LARGEST {
        return None;
    }
    let text = wasm_bindgen_futures::JsFuture::from(file.text()).await.ok()?.as_string()?;
    link_in(&text)
}

/// The screen; with `is_profile` a page that adds another server.
#[component]
pub fn Enrol(
    /// Adds a profile beside those that exist.
    #[prop(optional)]
    is_profile: bool,
) -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let link = NodeRef::<Textarea>::new();
    let with_code = WithCode::new();
    let is_typed = RwSignal::new(false);
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let start = move |read: fn(&tornado_gui_api::Start) -> Option<String>| {
        window.start.with(|start| start.as_ref().and_then(read)).unwrap_or_default()
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(sent) = Sent::of(&event) else { return };
        let invitation = if is_typed.get_untracked() {
            let (server, identity) = (sent.text("server"), sent.text("identity"));
            Invitation::Typed { server, identity, code: sent.text("invitation-code") }
        } else {
            Invitation::Link(link_in(&sent.text("link")).unwrap_or_else(|| sent.text("link")))
        };
        let input = Request {
            profile: sent.text("profile"),
            invitation,
            username: sent.text("username"),
            password: sent.text("password"),
            code: sent.text("code"),
            device: sent.text("device"),
        };
        window.send_then("enrol", Arguments { input }, move |result: &Result<(), Failure>| {
            with_code.after(result);
            if is_profile && result.is_ok() {
                window.page.set(Page::Main);
            }
        });
    };
    let take = move |file: web_sys::File| {
        spawn_local(async move {
            let text = text_of(&file).await;
            let Some(text) = text else {
                return window.failure.set(Some(Failure::invalid("no_invitation", "the file has no invitation")));
            };
            window.failure.set(None);
            is_typed.set(false);
            // The field may appear only now.
            request_animation_frame(move || {
                if let Some(link) = link.get_untracked() {
                    link.set_value(&text);
                }
            });
        });
    };
    let read = move |event: Event| {
        let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
        if let Some(file) = input.and_then(|input| input.files()).and_then(|files| files.get(0)) {
            take(file);
        }
    };
    let paste = move |event: ClipboardEvent| {
        let files = event.clipboard_data().and_then(|data| data.files());
        if let Some(file) = files.and_then(|files| files.get(0)) {
            event.prevent_default();
            take(file);
        }
    };
    let submit_word = move || if is_busy.get() { t.enrol_busy() } else { t.enrol_submit() };
    let typed = move || {
        view! {
            <Field name="server" label=t.enrol_server() hint=t.enrol_server_hint() required=true class="mono" />
            <Field name="identity" label=t.enrol_identity() hint=t.enrol_identity_hint() required=true class="mono" />
            <Field name="invitation-code" label=t.enrol_code() hint=t.enrol_code_hint() required=true class="mono" />
        }
        .into_any()
    };
    let pasted = move || {
        view! {
            <div class="field">
                <label for="link">{t.enrol_link()}</label>
                <textarea
                    class="input mono"
                    id="link"
                    name="link"
                    rows="2"
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
        }
        .into_any()
    };
    let other_word = move || if is_typed.get() { t.enrol_paste() } else { t.enrol_type() };
    let head = if is_profile {
        view! { <PageTop title=t.add_profile() back=Page::Profiles /> }.into_any()
    } else {
        view! { <Top /> }.into_any()
    };
    let say = (!is_profile).then(|| view! { <Say title=t.enrol_title() text=t.enrol_text() /> });
    view! {
        {head}
        <main class="win-body" id="main">
            {say}
            <form class="win-form" on:submit=submit on:paste=paste>
                {is_profile
                    .then(|| {
                        view! { <Field name="profile" label=t.profile_name() hint=t.profile_name_hint() required=true /> }
                    })}
                {move || if is_typed.get() { typed() } else { pasted() }}
                <div class="row row-wrap">
                    <label class="btn btn-s pick">
                        <Pic icon=Icon::File />
                        {t.enrol_file()}
                        <input class="vh" type="file" id="file" on:change=read />
                    </label>
                    <Button size=Size::Small on:click=move |_| is_typed.update(|is| *is = !*is)>{other_word}</Button>
                </div>
                <Field name="username" label=t.enrol_username() hint=t.enrol_username_hint() autocomplete="username" />
                <Field
                    name="password"
                    kind="password"
                    label=t.enrol_password()
                    hint=t.enrol_password_hint()
                    autocomplete="new-password"
                    required=true
                />
                <CodeField with=with_code />
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
