//! The report for a person who helps, shown before it is saved; the helper's log.

use crate::context::{Page, use_window};
use crate::parts::frame::PageTop;
use crate::parts::trouble::Failed;
use crate::texts::use_texts;
use leptos::ev::Event;
use leptos::prelude::*;
use serde::Serialize;
use tornado_gui_api::{Failure, Redaction};
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::feedback::Note;
use tornado_ui::icon::Icon;
use tornado_ui::{Views as _, live, view};

#[derive(Serialize)]
struct Arguments {
    redaction: Redaction,
}

/// Text of a program, which scrolls in its panel.
#[component]
fn Lines(
    /// What it is.
    label: &'static str,
    /// The text.
    text: RwSignal<String>,
) -> impl IntoView {
    view! {
        <pre class="panel panel-pad lines" dir="ltr" lang="en" tabindex="0" role="region" aria-label=label>
            {live(move || text.get())}
        </pre>
    }
}

/// The report.
#[component]
pub fn Report() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let (text, saved) = (RwSignal::new(String::new()), RwSignal::new(None::<String>));
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let collect = move |redaction: Redaction| {
        saved.set(None);
        window.send_then("report", Arguments { redaction }, move |result: &Result<String, Failure>| {
            text.set(result.clone().unwrap_or_default());
        });
    };
    collect(Redaction::All);
    let change = move |event: Event| {
        collect(match event_target_value(&event).as_str() {
            "none" => Redaction::None,
            "addresses" => Redaction::Addresses,
            _ => Redaction::All,
        });
    };
    let save = move |_| {
        window.send_then("save_report", (), move |result: &Result<String, Failure>| {
            saved.set(result.as_ref().ok().cloned());
        });
    };
    let is_empty = Signal::derive(move || is_busy.get() || text.with(String::is_empty));
    let levels = [("all", t.report_all()), ("addresses", t.report_addresses()), ("none", t.report_nothing())];
    view! {
        <PageTop title=t.report() back=Page::Settings />
        <main class="win-body win-fixed" id="main">
            <p class="dim">{t.report_text()}</p>
            <span class="with-icon">
                <label class="vh" for="redaction">{t.report_level()}</label>
                <select class="input input-pick" id="redaction" on:change=change>
                    {levels.into_iter().map(|(value, word)| view! { <option value=value>{word}</option> }).views()}
                </select>
                <svg class="i i-end" aria-hidden="true"><use href=Icon::Down.href()></use></svg>
            </span>
            <Lines label=t.report() text />
            <Failed />
            <div class="trouble" role="status">
                {move || {
                    saved.get().map(|path| view! { <Note><bdi>{t.report_saved(&path)}</bdi></Note> })
                }}
            </div>
            <div class="win-foot">
                <Button kind=Kind::Primary size=Size::Large wide=true disabled=is_empty on:click=save>
                    {t.report_save()}
                </Button>
            </div>
        </main>
    }
}

/// The log.
#[component]
pub fn Log() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let text = RwSignal::new(String::new());
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let read = move || {
        window.send_then("log", (), move |result: &Result<String, Failure>| {
            text.set(result.clone().unwrap_or_default());
        });
    };
    read();
    view! {
        <PageTop title=t.log() back=Page::Settings />
        <main class="win-body win-fixed" id="main">
            <p class="dim">{t.log_text()}</p>
            <Lines label=t.log() text />
            <Failed />
            <div class="win-foot">
                <Button size=Size::Large wide=true icon=Icon::Refresh disabled=is_busy on:click=move |_| read()>
                    {t.log_read()}
                </Button>
            </div>
        </main>
    }
}
