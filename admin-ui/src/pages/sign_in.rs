//! Pages without a menu: sign-in, second factor, set-up. Plain forms, which the server answers with a redirect; a
//! refusal comes back as `problem` in the address, so that they work without script.

use super::parameter;
use crate::frame::LookForm;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use leptos_meta::Title;
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::feedback::Note;
use tornado_ui::field::Field;
use tornado_ui::icon::Mark;

/// The words for a refusal.
fn problem(t: Texts, code: &str) -> &'static str {
    match code {
        "invalid_credentials" => t.problem_credentials(),
        "totp_invalid" => t.problem_code(),
        "too_many_attempts" | "too_many_requests" | "busy" => t.problem_rate(),
        "name_taken" => t.problem_name_taken(),
        "invalid_fields" => t.problem_weak_password(),
        "invalid_setup_code" => t.problem_setup_link(),
        _ => t.problem_other(),
    }
}

/// Page without a menu.
#[component]
fn Plain(#[prop(into)] title: String, #[prop(into)] text: String, children: Children) -> impl IntoView {
    view! {
        <Title text=title.clone() />
        <div class="plain">
            <div class="plain-main">
                <header>
                    <a class="brand" href="/">
                        <Mark />
                        <div><b>"Tornado VPN"</b></div>
                    </a>
                </header>
                <main class="plain-body" id="main">
                    <div class="stack-s">
                        <h1 tabindex="-1">{title}</h1>
                        <p class="soft">{text}</p>
                    </div>
                    {children()}
                </main>
                <footer class="plain-foot">
                    <LookForm />
                </footer>
            </div>
            <Art />
        </div>
    }
}

/// The picture beside the form: rings of a helix, computed, and the two lanes through it.
#[component]
fn Art() -> impl IntoView {
    let ring = |index: u32| {
        let at = f64::from(index) / 40.0;
        (300.0 + 26.0 * (at * 5.2).sin(), 70.0 + 760.0 * at, 300.0 * (1.0 - at).powf(0.85) + 22.0)
    };
    let line = |phase: f64| {
        let mut path = String::new();
        for step in 0..=200_u32 {
            let at = f64::from(step) / 200.0;
            let turn = at * 26.0 + phase;
            let (centre, radius) = (300.0 + 26.0 * (at * 5.2).sin(), 300.0 * (1.0 - at).powf(0.85) + 22.0);
            let (x, y) = (centre + radius * turn.cos(), 70.0 + 760.0 * at + radius * 0.2 * turn.sin());
            path.push_str(&format!("{}{x:.1},{y:.1}", if step == 0 { 'M' } else { 'L' }));
        }
        path
    };
    view! {
        <div class="plain-art" aria-hidden="true">
            <svg viewBox="0 0 600 900" preserveAspectRatio="xMidYMid slice">
                {(0..=40)
                    .map(|index| {
                        let (x, y, radius) = ring(index);
                        view! {
                            <ellipse
                                class="art-ln"
                                cx=format!("{x:.1}")
                                cy=format!("{y:.1}")
                                rx=format!("{radius:.1}")
                                ry=format!("{:.1}", radius * 0.2)
                            ></ellipse>
                        }
                    })
                    .collect_view()}
                <path class="art-direct" d=line(0.0)></path>
                <path class="art-tor" d=line(2.6)></path>
            </svg>
        </div>
    }
}

/// Name and password, or a passkey.
#[component]
pub fn SignIn() -> impl IntoView {
    let t = use_texts();
    let code = parameter("problem");
    let back = parameter("back");
    let ended = parameter("ended");
    let error = Signal::derive(move || code.get().map(|code| problem(t, &code).to_owned()));
    view! {
        <Plain title=t.sign_in() text=t.sign_in_for()>
            {move || ended.get().map(|_| view! { <Note>{t.sign_in_ended()}</Note> })}
            <form class="stack" method="post" action="/sign-in">
                <input type="hidden" name="back" value=move || back.get().unwrap_or_default() />
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
            <p class="hint">
                {t.lost_password()}
                " "
                <code><bdi dir="ltr">"tornadod operator add NAME"</bdi></code>
            </p>
        </Plain>
    }
}

/// The code of the second factor, or a recovery code.
#[component]
pub fn Code() -> impl IntoView {
    let t = use_texts();
    let code = parameter("problem");
    let back = parameter("back");
    let error = Signal::derive(move || code.get().map(|code| problem(t, &code).to_owned()));
    view! {
        <Plain title=t.code_title() text=t.code_text()>
            <form class="stack" method="post" action="/sign-in/code">
                <input type="hidden" name="back" value=move || back.get().unwrap_or_default() />
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

/// Set-up: the first operator. The link of the server carries the token.
#[component]
pub fn SetUp() -> impl IntoView {
    let t = use_texts();
    let code = parameter("problem");
    let token = parameter("code");
    let error_of = move |codes: &'static [&'static str]| {
        Signal::derive(move || {
            code.get().filter(|code| codes.contains(&code.as_str())).map(|code| problem(t, &code).to_owned())
        })
    };
    let other =
        Signal::derive(move || code.get().filter(|code| !["name_taken", "invalid_fields"].contains(&code.as_str())));
    view! {
        <Plain title=t.set_up_title() text=t.set_up_text()>
            {move || {
                other
                    .get()
                    .map(|code| {
                        view! { <Note weight=tornado_ui::feedback::Weight::Fault>{problem(t, &code)}</Note> }
                    })
            }}
            <form class="stack" method="post" action="/setup">
                <input type="hidden" name="token" value=move || token.get().unwrap_or_default() />
                <Field
                    name="name"
                    label=t.field_name()
                    hint=t.field_name_hint().to_owned()
                    autocomplete="username"
                    required=true
                    large=true
                    error=error_of(&["name_taken"])
                />
                <Field
                    name="password"
                    label=t.field_password()
                    hint=t.field_password_hint().to_owned()
                    kind="password"
                    autocomplete="new-password"
                    required=true
                    large=true
                    error=error_of(&["invalid_fields"])
                />
                <Button kind=Kind::Primary size=Size::Large wide=true submit=true>{t.set_up_create()}</Button>
            </form>
        </Plain>
    }
}
