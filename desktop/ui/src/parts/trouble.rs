//! What does not work, and what to do.

use crate::context::use_window;
use crate::texts::use_texts;
use crate::words;
use leptos::prelude::*;
use tornado_gui_api::{Control, Failure};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::view;

fn text_of(failure: &Failure, weight: Weight) -> AnyView {
    let t = use_texts();
    let (text, is_english) = words::failure(failure, t);
    let code = t.error_code(&failure.code);
    let text = if is_english {
        view! { <bdi dir="ltr" lang="en">{text}</bdi> }.into_any()
    } else {
        view! { <span>{text}</span> }.into_any()
    };
    view! {
        <Note weight>
            {text}
            <small class="code"><bdi dir="ltr">{code}</bdi></small>
        </Note>
    }
    .into_any()
}

/// Why the latest request failed.
#[component]
pub fn Failed() -> impl IntoView {
    let window = use_window();
    view! {
        <div class="trouble" role="alert">
            {move || window.failure.get().map(|failure| text_of(&failure, Weight::Fault))}
        </div>
    }
}

/// What the helper reports: its latest problem, and whether the server responds.
#[component]
pub fn Noticed() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    // What the latest request failed with is shown already.
    let is_shown = move |code: &str| window.failure.with(|failure| failure.as_ref().is_some_and(|f| f.code == code));
    let notice =
        Memo::new(move |_| window.view.with(|view| view.notice.clone()).filter(|notice| !is_shown(&notice.code)));
    let is_away = Memo::new(move |_| {
        window.view.with(|view| view.control == Control::Unreachable && view.tunnel.since.is_some())
    });
    view! {
        <div class="trouble" role="status">
            {move || {
                notice.get().map(|notice| {
                    let failure = Failure { code: notice.code, detail: notice.detail, retry_after: None };
                    text_of(&failure, Weight::Warning)
                })
            }}
            {move || {
                is_away.get().then(|| view! { <Note weight=Weight::Warning>{t.control_unreachable()}</Note> })
            }}
        </div>
    }
}
