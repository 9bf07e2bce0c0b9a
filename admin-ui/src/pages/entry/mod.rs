//! Pages without a menu: sign-in, second factor, set-up. Plain forms, which the server answers with a redirect; a
//! refusal comes back as `problem` in the address, so that they work without script.

mod set_up;
mod sign_in;

use super::parameter;
use crate::frame::LookForm;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use leptos_meta::Title;
pub use set_up::{Host, Invite, SetUp};
pub use sign_in::{Code, SignIn};
use tornado_ui::chart::fixed;
use tornado_ui::icon::{Icon, Mark, Pic};
use tornado_ui::{Views as _, view};

/// The words for a refusal.
fn problem(t: Texts, code: &str) -> &'static str {
    match code {
        "invalid_credentials" => t.problem_credentials(),
        "totp_invalid" => t.problem_code(),
        "too_many_attempts" | "busy" => t.problem_rate(),
        "too_many_requests" => t.problem_requests(),
        "name_taken" => t.problem_name_taken(),
        "invalid_fields" => t.problem_weak_password(),
        "passkey" => t.problem_passkey(),
        "invalid_setup_code" => t.problem_setup_link(),
        _ => t.problem_other(),
    }
}

/// The words of the refusal in the address.
fn refused() -> Signal<Option<String>> {
    let t = use_texts();
    let code = parameter("problem");
    Signal::derive(move || code.get().map(|code| problem(t, &code).to_owned()))
}

/// Page without a menu. With a step, the steps of the set-up are beside it.
#[component]
fn Plain(
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    /// The step, from 0.
    #[prop(optional, into)]
    step: Option<usize>,
    children: Children,
) -> impl IntoView {
    view! {
        <Title text=title.clone() />
        <div class=if step.is_some() { "plain setup" } else { "plain" }>
            {step.map(|step| view! { <Steps step /> })}
            <div class="plain-main">
                <header>{step.is_none().then(|| view! { <Brand /> })}</header>
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
            <Art is_whole=step.is_some() />
        </div>
    }
}

#[component]
fn Brand() -> impl IntoView {
    view! {
        <a class="brand" href="/">
            <Mark />
            <div><b>"Tornado VPN"</b></div>
        </a>
    }
}

/// The steps of the set-up: those before are done.
#[component]
fn Steps(step: usize) -> impl IntoView {
    let t = use_texts();
    let all = [
        (t.step_operator(), t.step_operator_text()),
        (t.step_host(), t.step_host_text()),
        (t.step_invite(), t.step_invite_text()),
    ];
    let items = all.into_iter().enumerate().map(|(index, (name, text))| {
        let mark = if index < step {
            view! { <Pic icon=Icon::Check /> <span class="vh">{t.step_done()}</span> }.into_any()
        } else {
            t.number(index as u64 + 1).into_any()
        };
        view! {
            <li class=(index < step).then_some("step-done") aria-current=(index == step).then_some("step")>
                <span class="step-mark">{mark}</span>
                <div>
                    <b>{name}</b>
                    <p>{text}</p>
                </div>
            </li>
        }
    });
    view! {
        <div class="setup-side">
            <Brand />
            <ol class="steps" aria-label=t.set_up_title()>{items.views()}</ol>
        </div>
    }
}

/// Mathematics of the browser, instead of a copy in the program.
#[cfg(target_arch = "wasm32")]
use js_sys::Math::{cos, pow, sin};

#[cfg(not(target_arch = "wasm32"))]
fn sin(value: f64) -> f64 {
    value.sin()
}

#[cfg(not(target_arch = "wasm32"))]
fn cos(value: f64) -> f64 {
    value.cos()
}

#[cfg(not(target_arch = "wasm32"))]
fn pow(base: f64, exponent: f64) -> f64 {
    base.powf(exponent)
}

/// The picture beside the form: rings of a helix, computed, and the two lanes through it.
#[component]
fn Art(
    /// All of it is visible, instead of as much as fills the space.
    is_whole: bool,
) -> impl IntoView {
    let ring = |index: u32| {
        let at = f64::from(index) / 40.0;
        (300.0 + 26.0 * sin(at * 5.2), 70.0 + 760.0 * at, 300.0 * pow(1.0 - at, 0.85) + 22.0)
    };
    let line = |phase: f64| {
        let mut path = String::new();
        for step in 0..=200_u32 {
            let at = f64::from(step) / 200.0;
            let turn = at * 26.0 + phase;
            let (centre, radius) = (300.0 + 26.0 * sin(at * 5.2), 300.0 * pow(1.0 - at, 0.85) + 22.0);
            let (x, y) = (centre + radius * cos(turn), 70.0 + 760.0 * at + radius * 0.2 * sin(turn));
            path.push_str(&format!("{}{},{}", if step == 0 { 'M' } else { 'L' }, fixed(x, 1), fixed(y, 1)));
        }
        path
    };
    view! {
        <div class="plain-art" aria-hidden="true">
            <svg
                viewBox="-30 0 660 900"
                preserveAspectRatio=if is_whole { "xMidYMid meet" } else { "xMidYMid slice" }
            >
                {(0..=40)
                    .map(|index| {
                        let (x, y, radius) = ring(index);
                        view! {
                            <ellipse
                                class="art-ln"
                                cx=fixed(x, 1)
                                cy=fixed(y, 1)
                                rx=fixed(radius, 1)
                                ry=fixed(radius * 0.2, 1)
                            ></ellipse>
                        }
                    })
                    .views()}
                <path class="art-direct" d=line(0.0)></path>
                <path class="art-tor" d=line(2.6)></path>
            </svg>
        </div>
    }
}
