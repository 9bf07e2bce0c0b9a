//! The kill switch: when traffic outside the tunnel is blocked, and what may pass.

use crate::context::{Page, use_window};
use crate::parts::frame::PageTop;
use crate::parts::toggle::Toggle;
use crate::parts::trouble::Failed;
use crate::texts::use_texts;
use crate::words;
use leptos::prelude::*;
use serde::Serialize;
use tornado_gui_api::{Lockdown as Choices, LockdownChange, LockdownMode};
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::{Views as _, effect, live, view};

#[derive(Serialize)]
struct Arguments {
    change: LockdownChange,
}

/// The page. The mode takes effect with the button, after its consequences were shown.
#[component]
pub fn Lockdown() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let now = Memo::new(move |_| window.view.with(|view| view.lockdown));
    let chosen = RwSignal::new(now.get_untracked().mode);
    // Another program may change it.
    effect(move || chosen.set(now.get().mode));
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let is_same = Signal::derive(move || is_busy.get() || chosen.get() == now.get().mode);
    let consequence = Memo::new(move |_| window.view.with(|view| words::consequence(view, chosen.get(), t)));
    let send = move |change: LockdownChange| window.send("set_lockdown", Arguments { change });
    let modes = [
        (LockdownMode::Off, "off", t.lockdown_off(), t.lockdown_off_text()),
        (LockdownMode::Auto, "auto", t.lockdown_auto(), t.lockdown_auto_text()),
        (LockdownMode::Always, "always", t.lockdown_always(), t.lockdown_always_text()),
    ];
    let option = move |(mode, value, word, text): (LockdownMode, &'static str, &'static str, &'static str)| {
        let (id, hint) = (format!("mode-{value}"), format!("mode-{value}-hint"));
        view! {
            <div class="opt opt-radio">
                <input
                    class="tick"
                    type="radio"
                    name="mode"
                    id=id.clone()
                    value=value
                    aria-describedby=hint.clone()
                    prop:checked=live(move || chosen.get() == mode)
                    on:change=move |_| chosen.set(mode)
                />
                <label for=id>{word}</label>
                <span class="hint" id=hint>{text}</span>
            </div>
        }
    };
    let of = |read: fn(&Choices) -> bool| Signal::derive(move || read(&now.get()));
    view! {
        <PageTop title=t.lockdown() back=Page::Settings />
        <main class="win-body" id="main">
            <Failed />
            <div class="panel" role="radiogroup" aria-label=t.lockdown()>{modes.into_iter().map(option).views()}</div>
            <div class="trouble" role="status">
                {move || {
                    consequence.get().map(|text| view! { <Note weight=Weight::Warning>{text}</Note> })
                }}
            </div>
            <h2 class="group-name">{t.lockdown_local()}</h2>
            <section class="panel" aria-label=t.lockdown_local()>
                <Toggle
                    id="lan"
                    name=t.lockdown_lan()
                    hint=t.lockdown_lan_hint()
                    on=of(|choices| choices.lan)
                    on_change=move |lan| send(LockdownChange { lan: Some(lan), ..LockdownChange::default() })
                />
                <Toggle
                    id="bridges"
                    name=t.lockdown_bridges()
                    hint=t.lockdown_bridges_hint()
                    on=of(|choices| choices.bridges)
                    on_change=move |bridges| send(LockdownChange { bridges: Some(bridges), ..LockdownChange::default() })
                />
            </section>
            <p class="hint">{t.lockdown_way_out()} " " <code><bdi dir="ltr">"tornado lockdown off"</bdi></code></p>
            <div class="win-foot">
                <Button
                    kind=Kind::Primary
                    size=Size::Large
                    wide=true
                    disabled=is_same
                    on:click=move |_| {
                        send(LockdownChange { mode: Some(chosen.get_untracked()), ..LockdownChange::default() });
                    }
                >
                    {t.apply()}
                </Button>
            </div>
        </main>
    }
}
