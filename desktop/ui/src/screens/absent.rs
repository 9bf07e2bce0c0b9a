//! Before the helper responds, and while it does not.

use crate::context::use_window;
use crate::parts::frame::{Say, Top};
use crate::parts::trouble::Failed;
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_gui_api::Helper;
use tornado_ui::state::Condition;
use tornado_ui::{live, view};

/// How the administrator starts the helper.
const START: &str = "systemctl start tornado-helper";
/// How the administrator adds a user to the group of the helper's callers.
const ADD: &str = "usermod --append --groups tornado USER";

/// No response yet.
#[component]
pub fn Waiting() -> impl IntoView {
    let t = use_texts();
    let condition = Signal::stored(Condition::Pending);
    view! {
        <Top />
        <main class="win-body" id="main">
            <Say title=t.waiting_title() text=t.waiting_text() condition=Some(condition) />
            <Failed />
        </main>
    }
}

/// The helper does not run, or this user may not use it.
#[component]
pub fn Absent() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let is_forbidden = Memo::new(move |_| window.view.with(|view| matches!(view.helper, Helper::Forbidden(_))));
    let detail = move || {
        window.view.with(|view| match &view.helper {
            Helper::Absent(detail) | Helper::Forbidden(detail) => detail.clone(),
            Helper::Waiting | Helper::Running => String::new(),
        })
    };
    let title =
        Signal::derive(move || if is_forbidden.get() { t.forbidden_title() } else { t.absent_title() }.to_owned());
    let text = Signal::derive(move || if is_forbidden.get() { t.forbidden_text() } else { t.absent_text() }.to_owned());
    let what = move || if is_forbidden.get() { t.forbidden_do() } else { t.absent_do() };
    let command = move || if is_forbidden.get() { ADD } else { START };
    let condition = Signal::stored(Condition::Broken);
    view! {
        <Top />
        <main class="win-body" id="main">
            <Say title text condition=Some(condition) />
            <section class="panel panel-pad stack-s" aria-label=t.problem()>
                <p>{live(what)}</p>
                <p><code class="break"><bdi dir="ltr">{live(command)}</bdi></code></p>
                <p class="hint"><bdi dir="ltr" lang="en">{live(detail)}</bdi></p>
            </section>
        </main>
    }
}
