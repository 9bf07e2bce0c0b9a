//! The tunnel: state in words, lane, path, rates, facts, one big button.

use crate::bridge;
use crate::context::{Page, use_window};
use crate::parts::chart::RateChart;
use crate::parts::facts::{Facts, Month};
use crate::parts::frame::{Say, Top};
use crate::parts::lanes::Lanes;
use crate::parts::trouble::{Failed, Noticed};
use crate::parts::way::{self, Way};
use crate::texts::use_texts;
use crate::words;
use leptos::ev::Event;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Serialize;
use std::time::Duration;
use tornado_gui_api::{Failure, Lane, LockdownMode, Phase, View};
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::icon::Icon;
use tornado_ui::{Views as _, live, view};

#[derive(Serialize)]
struct OnLane {
    lane: Lane,
}

#[derive(Serialize)]
struct InCountry {
    country: Option<String>,
}

/// The screen.
#[component]
pub fn Tunnel() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let phase = Memo::new(move |_| window.view.with(|view| view.tunnel.phase));
    let lane_in_use = Memo::new(move |_| window.view.with(|view| view.tunnel.target.or(view.tunnel.lane)));
    // The lane for the next connect; that of a tunnel wins.
    let next = RwSignal::new(lane_in_use.get_untracked().unwrap_or(Lane::Direct));
    let lane = Signal::derive(move || match phase.get() {
        Phase::Disconnected | Phase::Disconnecting => next.get(),
        Phase::Connecting | Phase::Connected | Phase::Switching | Phase::Blocked => {
            lane_in_use.get().unwrap_or_else(|| next.get())
        }
    });
    let headline = Memo::new(move |_| window.view.with(|view| words::headline(view, t)));
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let choose = move |chosen: Lane| {
        next.set(chosen);
        match phase.get_untracked() {
            Phase::Connected => window.send("switch_lane", OnLane { lane: chosen }),
            Phase::Connecting | Phase::Blocked => window.send("connect", OnLane { lane: chosen }),
            Phase::Disconnected | Phase::Switching | Phase::Disconnecting => {}
        }
    };
    let is_fixed =
        Signal::derive(move || is_busy.get() || matches!(phase.get(), Phase::Switching | Phase::Disconnecting));
    let stops = Memo::new(move |_| window.view.with(|view| way::stops(view, t)));
    let is_up = Memo::new(move |_| matches!(phase.get(), Phase::Connected | Phase::Switching));
    refresh_while(is_up);
    // Without a lane, the kill switch alone blocks, which the sentence above says.
    let is_choice = |view: &View| view.lockdown.mode == LockdownMode::Always && view.tunnel.lane.is_none();
    let reason = Memo::new(move |_| window.view.with(|view| view.tunnel.reason.clone().filter(|_| !is_choice(view))));
    view! {
        <Top />
        <main class="win-body" id="main">
            <Say
                title=Signal::derive(move || headline.with(|line| line.title.to_owned()))
                text=Signal::derive(move || headline.with(|line| line.text.clone()))
                condition=Some(Signal::derive(move || headline.with(|line| line.condition)))
            />
            {move || {
                reason.get().map(|reason| {
                    view! {
                        <section class="panel panel-pad hero-warn" aria-label=t.problem()>
                            <p><bdi dir="ltr" lang="en">{reason}</bdi></p>
                        </section>
                    }
                })
            }}
            <Lanes chosen=lane disabled=is_fixed on_choice=choose />
            <Failed />
            <Noticed />
            <section class="panel" aria-label=t.path()>
                <Way stops />
                <Exit />
            </section>
            {move || {
                if is_up.get() {
                    view! {
                        <RateChart />
                        <Facts />
                    }
                    .into_any()
                } else {
                    ().into_any()
                }
            }}
            <Month />
            <div class="win-foot"><Control phase lane /></div>
        </main>
    }
}

/// Time between two questions for usage, exit and circuit, while the window is visible.
const REFRESH: Duration = Duration::from_secs(5);

/// Keeps what only the server knows current while the tunnel is up and the window is visible.
fn refresh_while(is_up: Memo<bool>) {
    let refresh = move || {
        if is_up.get_untracked() && !document().hidden() {
            // Without a response, the latest values stay.
            spawn_local(async { drop(bridge::call::<()>("refresh", ()).await) });
        }
    };
    if let Ok(timer) = set_interval_with_handle(refresh, REFRESH) {
        on_cleanup(move || timer.clear());
    }
}

/// Exit country and new identity, on the tor lane.
#[component]
fn Exit() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let said = RwSignal::new(false);
    let is_shown =
        Memo::new(move |_| window.view.with(|view| view.tunnel.exit.is_some() && view.tunnel.lane == Some(Lane::Tor)));
    let choice = Memo::new(move |_| {
        window.view.with(|view| {
            let exit = view.tunnel.exit.clone().unwrap_or_default();
            let countries: Vec<String> = exit.offers.into_iter().map(|offer| offer.country).collect();
            (exit.country, countries)
        })
    });
    let is_busy = Signal::derive(move || window.busy.with(Option::is_some));
    let change = move |event: Event| {
        let country = Some(event_target_value(&event)).filter(|country| !country.is_empty());
        said.set(false);
        window.send("choose_exit", InCountry { country });
    };
    let renew = move |_| {
        said.set(false);
        window.send_then("new_identity", (), move |result: &Result<(), Failure>| said.set(result.is_ok()));
    };
    let options = move || {
        let (chosen, mut countries) = choice.get();
        // A chosen country stays in the list if it has no exit now.
        countries.extend(chosen.clone().filter(|chosen| !countries.contains(chosen)));
        countries.sort();
        let any = view! { <option value="" selected=chosen.is_none()>{t.any_country()}</option> }.into_any();
        let named = countries.into_iter().map(|code| {
            let is_chosen = chosen.as_ref() == Some(&code);
            let name = country_name(&code, t.lang.tag());
            view! { <option value=code selected=is_chosen>{name}</option> }.into_any()
        });
        std::iter::once(any).chain(named).views()
    };
    move || {
        is_shown.get().then(|| {
            view! {
                <div class="way-foot">
                    <span class="with-icon grow">
                        <label class="vh" for="country">{t.exit_country()}</label>
                        <select
                            class="input input-pick"
                            id="country"
                            on:change=change
                            disabled=live(move || is_busy.get())
                            title=live(move || t.countries(choice.with(|(_, all)| all.len() as u64)))
                        >
                            {options}
                        </select>
                        <svg class="i i-end" aria-hidden="true"><use href=Icon::Down.href()></use></svg>
                    </span>
                    <Button icon=Icon::Refresh disabled=is_busy on:click=renew>{t.new_identity()}</Button>
                </div>
                <p class="on-note" role="status">
                    {live(move || if said.get() { t.new_identity_done() } else { "" })}
                </p>
            }
        })
    }
}

/// The name of a country in a language, as the web view has it; its two letters if it has none.
fn country_name(code: &str, lang: &str) -> String {
    let letters = code.to_uppercase();
    let named = || {
        let options = js_sys::Object::new();
        js_sys::Reflect::set(&options, &"type".into(), &"region".into()).ok()?;
        let languages = js_sys::Array::new();
        languages.push(&lang.into());
        js_sys::Intl::DisplayNames::new(&languages, &options).of(&letters).map(String::from)
    };
    named().unwrap_or(letters)
}

/// The one big button.
#[component]
fn Control(
    /// State of the tunnel.
    phase: Memo<Phase>,
    /// The lane to connect on.
    lane: Signal<Lane>,
) -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let giving_up = RwSignal::new(false);
    let is_always = Memo::new(move |_| window.view.with(|view| view.lockdown.mode == LockdownMode::Always));
    // Cancelling is possible while the call that connects is under way.
    let is_held = Signal::derive(move || {
        window.busy.with(|busy| busy.is_some_and(|busy| busy != "connect")) || phase.get() == Phase::Disconnecting
    });
    let connect = move |_| window.send("connect", OnLane { lane: lane.get_untracked() });
    let disconnect = move |_| window.cancel();
    move || match phase.get() {
        Phase::Disconnected => view! {
            <Button kind=Kind::Primary size=Size::Large wide=true icon=Icon::Power disabled=is_held on:click=connect>
                {t.connect()}
            </Button>
        }
        .into_any(),
        Phase::Connecting => view! {
            <Button size=Size::Large wide=true disabled=is_held on:click=disconnect>{t.cancel()}</Button>
        }
        .into_any(),
        Phase::Connected | Phase::Switching | Phase::Disconnecting => view! {
            <Button size=Size::Large wide=true icon=Icon::Power disabled=is_held on:click=disconnect>
                {t.disconnect()}
            </Button>
        }
        .into_any(),
        // A disconnect would release nothing.
        Phase::Blocked if is_always.get() => view! {
            <Button kind=Kind::Primary size=Size::Large wide=true icon=Icon::Power disabled=is_held on:click=connect>
                {t.connect()}
            </Button>
            <Button wide=true on:click=move |_| window.page.set(Page::Lockdown)>{t.lockdown()}</Button>
        }
        .into_any(),
        Phase::Blocked if giving_up.get() => view! {
            <p>{t.give_up_text()}</p>
            <Button size=Size::Large wide=true on:click=move |_| giving_up.set(false)>{t.cancel()}</Button>
            <Button kind=Kind::Danger wide=true on:click=disconnect>{t.give_up_confirm()}</Button>
        }
        .into_any(),
        Phase::Blocked => view! {
            <Button kind=Kind::Primary size=Size::Large wide=true icon=Icon::Refresh disabled=is_held on:click=connect>
                {t.connect_again()}
            </Button>
            <Button kind=Kind::Warns wide=true on:click=move |_| giving_up.set(true)>{t.give_up()}</Button>
        }
        .into_any(),
    }
}
