//! Pages without a menu: sign-in, second factor, set-up. Plain forms, which the server answers with a redirect; a
//! refusal comes back as `problem` in the address, so that they work without script. Those that need nothing of the
//! browser are in `still`.

#[cfg(feature = "ssr")]
mod art;
mod invite;
mod sign_in;

use super::parameter;
use crate::frame::LookForm;
use crate::texts::{Texts, use_texts};
pub use invite::Invite;
use leptos::prelude::*;
use leptos_meta::Title;
pub use sign_in::SignIn;
use tornado_ui::icon::{Icon, Mark, Pic};
use tornado_ui::{Views as _, view};

/// The words for a refusal.
pub fn problem(t: Texts, code: &str) -> &'static str {
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
pub fn refused() -> Signal<Option<String>> {
    let t = use_texts();
    let code = parameter("problem");
    Signal::derive(move || code.get().map(|code| problem(t, &code).to_owned()))
}

/// Page without a menu. With a step, the steps of the set-up are beside it.
#[component]
pub fn Plain(
    /// Heading and title.
    #[prop(into)]
    title: String,
    /// What the page is for.
    #[prop(into)]
    text: String,
    /// The step, from 0.
    #[prop(optional, into)]
    step: Option<usize>,
    /// The content.
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

/// The picture beside the form.
#[component]
fn Art(
    /// All of it is visible, instead of as much as fills the space.
    is_whole: bool,
) -> impl IntoView {
    // The browser keeps what the server has drawn: pages without a menu are always loaded whole.
    #[cfg(feature = "ssr")]
    let picture = art::picture(is_whole);
    #[cfg(not(feature = "ssr"))]
    let picture = {
        let _: bool = is_whole;
        String::new()
    };
    view! { <div class="plain-art" aria-hidden="true" inner_html=picture></div> }
}
