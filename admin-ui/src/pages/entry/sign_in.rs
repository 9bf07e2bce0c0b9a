//! Sign-in: name and password, or a passkey.

use super::{Plain, refused};
use crate::acts::words;
use crate::browser::passkey::{self, Ceremony};
use crate::browser::{file, json, property, text_of};
use crate::look::local_path;
use crate::model::act::{Answer, Challenge, Refusal};
use crate::pages::parameter;
#[cfg(feature = "ssr")]
use crate::texts::Texts;
use crate::texts::use_texts;
use js_sys::JSON;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_bindgen::JsValue;
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::field::Field;
use tornado_ui::icon::Icon;
use tornado_ui::{effect, live, view};

/// Name and password, or a passkey.
#[component]
pub fn SignIn() -> impl IntoView {
    let t = use_texts();
    let back = parameter("back");
    let ended = parameter("ended");
    let error = refused();
    // The browser's program keeps the words of the server, so that it need not contain these.
    #[cfg(feature = "ssr")]
    let error = with_attempts(t, error);
    view! {
        <Plain title=t.sign_in() text=t.sign_in_for()>
            {live(move || ended.get().map(|_| view! { <Note>{t.sign_in_ended()}</Note> }).into_any())}
            <form class="stack" method="post" action="/sign-in">
                <input type="hidden" name="back" value=live(move || back.get().unwrap_or_default()) />
                <Field name="name" label=t.field_name() autocomplete="username" required=true large=true />
                <Field
                    name="password"
                    label=t.field_password()
                    kind="password"
                    autocomplete="current-password"
                    required=true
                    large=true
                    error
                />
                <Button kind=Kind::Primary size=Size::Large wide=true submit=true>{t.go_on()}</Button>
            </form>
            <ByPasskey back />
            <p class="hint">
                {t.lost_password()}
                " "
                <code><bdi dir="ltr">"tornadod operator add NAME"</bdi></code>
            </p>
        </Plain>
    }
}

/// The words of a refusal, with the attempts that are left, if the address has a number of them.
#[cfg(feature = "ssr")]
fn with_attempts(t: Texts, words: Signal<Option<String>>) -> Signal<Option<String>> {
    let left = parameter("left");
    Signal::derive(move || {
        let words = words.get()?;
        let left = left.get().and_then(|left| left.parse().ok());
        Some(left.map_or_else(|| words.clone(), |left| format!("{words} {}", t.attempts_left(left))))
    })
}

/// The button that signs in with a passkey, where the browser supports it.
#[component]
fn ByPasskey(back: Memo<Option<String>>) -> impl IntoView {
    let t = use_texts();
    let (is_available, busy) = (RwSignal::new(false), RwSignal::new(false));
    let refusal = RwSignal::new(None::<Refusal>);
    // The server does not know it: the button appears when the browser has taken over.
    effect(move || is_available.set(passkey::is_available()));
    let sign_in = move |_| {
        busy.set(true);
        spawn_local(async move {
            match by_passkey().await {
                Ok(()) => {
                    let target = back.get_untracked().unwrap_or_default();
                    // A new page: the sign-in is in a cookie. Fails only for an invalid address.
                    drop(window().location().set_href(local_path(&target)));
                }
                Err(why) => refusal.set(Some(why)),
            }
            busy.set(false);
        });
    };
    let content = move || {
        view! {
            <p class="or">{t.or_word()}</p>
            <Button size=Size::Large wide=true icon=Icon::Fingerprint disabled=busy on:click=sign_in>
                {t.use_passkey()}
            </Button>
            {live(move || {
                let note = |why| view! { <div role="alert"><Note weight=Weight::Fault>{words(t, &why)}</Note></div> };
                refusal.get().map(note).into_any()
            })}
        }
    };
    view! { <Show when=move || is_available.get()>{content()}</Show> }
}

/// Signs in with a passkey. The response of the API sets the cookie.
async fn by_passkey() -> Result<(), Refusal> {
    let begun = file::post("/sign-in/passkey/begin", "", "{}").await?;
    let begun = JSON::parse(&begun).map_err(|_| Refusal::unreachable())?;
    let options = property(&begun, "options").and_then(|options| JSON::stringify(&options));
    let options = options.map_err(|_| Refusal::unreachable())?;
    let challenge = Challenge { id: text_of(&begun, "id"), options: String::from(options) };
    let Answer { id, credential } = passkey::answer(Ceremony::Prove, challenge).await?;
    let credential = JSON::parse(&credential).map_err(|_| Refusal::unreachable())?;
    let body = json(&[("id", &JsValue::from_str(&id)), ("credential", &credential)]);
    file::post("/sign-in/passkey", "", &body).await.map(drop)
}
