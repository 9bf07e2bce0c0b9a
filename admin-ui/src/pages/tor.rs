//! Tor: desired and actual state, the path, circuits, exits by country, Tor's own words.

use super::overview::{gate_word, happenings, hops};
use crate::acts::{Ask, May, Question, use_acts};
use crate::frame::{Head, LiveSign, Loaded, With, read};
use crate::model::Lane;
use crate::model::act::{Act, TorOrder};
use crate::model::overview::LaneFigures;
use crate::model::tor::{Circuit, Tor};
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use std::time::Duration;
use tornado_ui::button::Button;
use tornado_ui::chart::Meter;
use tornado_ui::feedback::Empty;
use tornado_ui::figures::{Card, Timeline};
use tornado_ui::icon::Icon;
use tornado_ui::overlay::Consequence;
use tornado_ui::path::Path;
use tornado_ui::state::{Country, State};
use tornado_ui::table::{Column, Table};

/// Distance of two readings of the circuits.
const PERIOD: Duration = Duration::from_secs(5);

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let tor = read(|| (), |()| source::tor(), &["tor", "tor_bootstrap"], Some(PERIOD));
    view! {
        <Head title=t.nav_tor()>
            <LiveSign of=tor as_of=|tor| tor.as_of />
            <With of=tor view=|tor| view! { <Orders tor /> } />
        </Head>
        <Loaded of=tor view=move |tor| view! { <Content tor /> } />
    }
}

/// Buttons of the head: what changes the desired state, by what it is now.
#[component]
fn Orders(tor: Tor) -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let effects = vec![Consequence { count: t.number(tor.devices), text: t.effect_tor(tor.devices) }];
    let order = |order, title: &str, text: &str, verb: &str, done: &str, is_danger| Question {
        title: title.to_owned(),
        text: text.to_owned(),
        effects: if is_danger { effects.clone() } else { Vec::new() },
        verb: verb.to_owned(),
        is_danger,
        act: Act::OrderTor(order),
        done: done.to_owned(),
    };
    let process = if tor.is_process_desired {
        let question =
            order(TorOrder::Stop, t.tor_stop_title(), t.tor_stop_text(), t.tor_stop(), t.done_tor_stopped(), true);
        view! { <Ask question icon=Icon::Stop word=t.tor_stop() /> }.into_any()
    } else {
        let question =
            order(TorOrder::Start, t.tor_start_title(), t.tor_start_text(), t.tor_start(), t.done_tor_started(), false);
        view! { <Ask question icon=Icon::Play word=t.tor_start() /> }.into_any()
    };
    let lane = if tor.is_lane_desired {
        let question =
            order(TorOrder::Down, t.tor_down_title(), t.tor_down_text(), t.tor_down(), t.done_tor_down(), true);
        view! { <Ask question icon=Icon::Pause word=t.tor_down() /> }.into_any()
    } else {
        let question = order(TorOrder::Up, t.tor_up_title(), t.tor_up_text(), t.tor_up(), t.done_tor_up(), false);
        view! { <Ask question icon=Icon::Play word=t.tor_up() /> }.into_any()
    };
    let identity = Question {
        title: t.tor_identity_title().to_owned(),
        text: t.tor_identity_text().to_owned(),
        effects: Vec::new(),
        verb: t.tor_identity().to_owned(),
        is_danger: false,
        act: Act::RenewTorIdentity,
        done: t.done_identity().to_owned(),
    };
    view! {
        <May right="tor.write">
            <Button icon=Icon::Check on:click=move |_| acts.run(t, Act::ProbeTor, String::new())>{t.tor_probe()}</Button>
        </May>
        <Ask question=identity icon=Icon::Refresh word=t.tor_identity() />
        {process}
        {lane}
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The tor lane.
    tor: Tor,
) -> impl IntoView {
    let t = use_texts();
    let lane = LaneFigures {
        lane: Lane::Tor,
        passage: tor.gate,
        since_s: tor.since_s,
        devices: tor.devices,
        gateway: String::new(),
        guards: None,
        exit_countries: Some(tor.exits.len() as u64),
        down: None,
        up: None,
        today: None,
        course: Vec::new(),
    };
    let columns = vec![Column::new(t.what(), "a"), Column::new(t.desired(), "c"), Column::new(t.actual(), "b")];
    let states = tor
        .states
        .iter()
        .map(|one| {
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a">{one.name.clone()}</th>
                    <td role="cell" class="c">{one.desired.clone()}</td>
                    <td role="cell" class="b"><State condition=one.condition word=one.actual.clone() /></td>
                </tr>
            }
        })
        .collect_view();
    let (percent, step) = tor.bootstrap.clone();
    let most = tor.exits.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    view! {
        <section class="card" aria-labelledby="path">
            <div class="card-head">
                <h2 id="path">{t.path_of("tor")}</h2>
                <State condition=tor.gate.condition() word=gate_word(t, tor.gate) loud=true />
                {tor.since_s.map(|seconds| view! { <p>{t.since(&t.span(seconds))}</p> })}
            </div>
            <div class="topo"><Path label=t.path_of("tor") hops=hops(t, &lane) /></div>
        </section>
        <div class="cols-2">
            <Card id="states" title=t.desired_actual()>
                <Table caption=t.desired_actual() columns tight=true cards=true>{states}</Table>
                <div class="card-foot">
                    <span><bdi>{step}</bdi></span>
                    <Meter
                        label=t.bootstrap()
                        percent=Signal::stored(u8::try_from(percent.min(100)).unwrap_or(100))
                        cell=true
                    />
                    <span class="num">{t.percent(percent)}</span>
                </div>
            </Card>
            <Card id="exits" title=t.exits_by_country() aside=t.countries(tor.exits.len() as u64)>
                <div class="card-body">
                    <dl class="facts facts-num">
                        {tor.exits
                            .iter()
                            .take(10)
                            .map(|(country, count)| {
                                let part = u8::try_from(count * 79 / most).unwrap_or(79);
                                view! {
                                    <dt><Country code=country.clone() /></dt>
                                    <dd class="row">
                                        <Meter label=country.clone() percent=Signal::stored(part) />
                                        <span class="num">{t.number(*count)}</span>
                                    </dd>
                                }
                            })
                            .collect_view()}
                    </dl>
                </div>
            </Card>
        </div>
        <Circuits circuits=tor.circuits.clone() />
        <Card id="log" title=t.tor_log()>
            <div class="card-body"><Timeline happenings=happenings(t, tor.log.clone(), tor.as_of) /></div>
        </Card>
    }
}

#[component]
fn Circuits(circuits: Vec<Circuit>) -> impl IntoView {
    let t = use_texts();
    let count = circuits.len() as u64;
    let columns = vec![
        Column::new(t.circuit(), "a"),
        Column::new(t.circuit_path(), "c"),
        Column::new(t.purpose(), "d"),
        Column::new(t.age_word(), "num b"),
    ];
    let body = if circuits.is_empty() {
        view! { <Empty icon=Icon::Tor title=t.circuits_none() text=t.circuits_none_text() /> }.into_any()
    } else {
        let rows = circuits
            .into_iter()
            .map(|one| {
                let countries = one.countries.into_iter().map(|code| view! { <Country code /> }).collect_view();
                view! {
                    <tr role="row">
                        <th scope="row" role="rowheader" class="a">
                            <State condition=one.condition word=one.id />
                        </th>
                        <td role="cell" class="c"><bdi dir="ltr" class="circ">{countries}</bdi></td>
                        <td role="cell" class="d soft"><bdi dir="ltr">{one.purpose}</bdi></td>
                        <td role="cell" class="num b">{t.span(one.age_s)}</td>
                    </tr>
                }
            })
            .collect_view();
        view! { <Table caption=t.circuits() columns cards=true>{rows}</Table> }.into_any()
    };
    view! { <Card id="circuits" title=t.circuits() aside=t.circuits_note(count)>{body}</Card> }
}
