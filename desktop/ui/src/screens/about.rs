//! Version, shortcuts, and the licences of the crates in the programs.

use crate::bridge;
use crate::context::{Page, use_window};
use crate::keys;
use crate::parts::frame::PageTop;
use crate::texts::use_texts;
use leptos::prelude::*;
use leptos::task::spawn_local;
use tornado_ui::{Views as _, live, view};

/// The list beside the pages, which the build of the window writes.
const LICENCES: &str = "licences.txt";

/// The page.
#[component]
pub fn About() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let licences = RwSignal::new(String::new());
    spawn_local(async move {
        match bridge::file(LICENCES).await {
            Ok(text) => licences.set(text),
            Err(failure) => licences.set(failure.detail),
        }
    });
    let version = window.start.with_untracked(|start| start.as_ref().map(|start| start.version.clone()));
    let shortcuts = [
        (keys::MAIN, t.keys_main()),
        (keys::LANES, t.keys_lanes()),
        (keys::SETTINGS, t.settings()),
        (keys::BACK, t.back()),
    ];
    view! {
        <PageTop title=t.about() back=Page::Settings end=version.map(|version| t.version(&version)).unwrap_or_default() />
        <main class="win-body win-fixed" id="main">
            <p class="dim">{t.about_text()}</p>
            <h2 class="group-name">{t.keys()}</h2>
            <dl class="panel panel-pad keys">
                {shortcuts
                    .into_iter()
                    .map(|(keys, act)| view! { <div><dt><kbd dir="ltr">{keys}</kbd></dt><dd>{act}</dd></div> })
                    .views()}
            </dl>
            <h2 class="group-name">{t.licences()}</h2>
            <pre class="panel panel-pad lines" dir="ltr" lang="en" tabindex="0" role="region" aria-label=t.licences()>
                {live(move || licences.get())}
            </pre>
        </main>
    }
}
