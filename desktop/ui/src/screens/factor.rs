//! The second factor of the account: a new secret, its first code, recovery codes; its end.

use crate::context::{Page, use_window};
use crate::parts::frame::PageTop;
use crate::parts::trouble::Failed;
use crate::texts::use_texts;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use serde::Serialize;
use tornado_gui_api::{FactorOffer, Failure, Qr};
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::field::{Field, Sent};
use tornado_ui::{Views as _, view};

#[derive(Serialize)]
struct OfPassword {
    password: String,
}

#[derive(Serialize)]
struct OfCode {
    code: String,
}

/// How far a change is.
#[derive(Clone)]
enum Step {
    /// Nothing has begun.
    Start,
    /// The secret waits for its first code.
    Offered(FactorOffer),
    /// Codes are required; these replace one each.
    Enabled(Vec<String>),
    /// Codes are no longer required.
    Disabled,
}

/// The page. The server does not report whether the account has a second factor, so both directions are offered.
#[component]
pub fn Factor() -> impl IntoView {
    let t = use_texts();
    let step = RwSignal::new(Step::Start);
    view! {
        <PageTop title=t.factor() back=Page::Settings />
        <main class="win-body" id="main">
            {move || match step.get() {
                Step::Start => view! { <Start step /> }.into_any(),
                Step::Offered(offer) => view! { <Offered step offer /> }.into_any(),
                Step::Enabled(codes) => view! { <Enabled codes /> }.into_any(),
                Step::Disabled => view! { <Note>{t.factor_disabled()}</Note> }.into_any(),
            }}
        </main>
    }
}

#[component]
fn Start(
    /// The step to change.
    step: RwSignal<Step>,
) -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let removes = RwSignal::new(false);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(sent) = Sent::of(&event) else { return };
        let arguments = OfPassword { password: sent.text("password") };
        if removes.get_untracked() {
            window.send_then("end_totp", arguments, move |result: &Result<(), Failure>| {
                if result.is_ok() {
                    step.set(Step::Disabled);
                }
            });
        } else {
            window.send_then("begin_totp", arguments, move |result: &Result<FactorOffer, Failure>| {
                if let Ok(offer) = result {
                    step.set(Step::Offered(offer.clone()));
                }
            });
        }
    };
    view! {
        <p class="dim">{t.factor_text()}</p>
        <form class="win-form" on:submit=submit>
            <Field
                name="password"
                kind="password"
                label=t.password()
                hint=t.factor_password_hint()
                autocomplete="current-password"
                required=true
            />
            <Failed />
            <div class="win-foot">
                <Button
                    kind=Kind::Primary
                    size=Size::Large
                    submit=true
                    wide=true
                    disabled=is_busy
                    on:click=move |_| removes.set(false)
                >
                    {t.factor_begin()}
                </Button>
                <Button kind=Kind::Warns submit=true wide=true disabled=is_busy on:click=move |_| removes.set(true)>
                    {t.factor_end()}
                </Button>
            </div>
        </form>
    }
}

#[component]
fn Offered(
    /// The step to change.
    step: RwSignal<Step>,
    /// The secret.
    offer: FactorOffer,
) -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(sent) = Sent::of(&event) else { return };
        window.send_then(
            "confirm_totp",
            OfCode { code: sent.text("code") },
            move |result: &Result<Vec<String>, Failure>| {
                if let Ok(codes) = result {
                    step.set(Step::Enabled(codes.clone()));
                }
            },
        );
    };
    let FactorOffer { secret, qr } = offer;
    let code = qr.map(|qr| view! { <Code qr label=t.factor_qr() /> });
    view! {
        <p class="dim">{t.factor_scan()}</p>
        {code}
        <p class="small">
            <span class="dim">{t.factor_secret()}</span>
            " "
            <code class="break" id="secret"><bdi dir="ltr">{secret}</bdi></code>
        </p>
        <form class="win-form" on:submit=submit>
            <Field
                name="code"
                label=t.code()
                hint=t.factor_code_hint()
                autocomplete="one-time-code"
                inputmode="numeric"
                class="code-input"
                required=true
            />
            <Failed />
            <div class="win-foot">
                <Button kind=Kind::Primary size=Size::Large submit=true wide=true disabled=is_busy>
                    {t.factor_confirm()}
                </Button>
            </div>
        </form>
    }
}

/// A QR code, black on white in both themes.
#[component]
fn Code(
    /// The code.
    qr: Qr,
    /// What it is.
    label: &'static str,
) -> impl IntoView {
    let size = qr.size;
    view! {
        <div class="qr" role="img" aria-label=label>
            <svg viewBox=format!("0 0 {size} {size}") shape-rendering="crispEdges" aria-hidden="true">
                <path fill="currentColor" d=qr.path></path>
            </svg>
        </div>
    }
}

#[component]
fn Enabled(
    /// The recovery codes, shown once.
    codes: Vec<String>,
) -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    view! {
        <Note weight=Weight::Warning>{t.factor_enabled()}</Note>
        <ol class="panel panel-pad recovery" aria-label=t.factor_codes()>
            {codes.into_iter().map(|code| view! { <li><code><bdi dir="ltr">{code}</bdi></code></li> }).views()}
        </ol>
        <div class="win-foot">
            <Button kind=Kind::Primary size=Size::Large wide=true on:click=move |_| window.page.set(Page::Settings)>
                {t.factor_stored()}
            </Button>
        </div>
    }
}
