//! Tor: desired and actual state, the path, circuits, exits by country, Tor's own words.

use super::measure;
use super::overview::{gate_word, hops};
use crate::acts::{Ask, May, Question, use_acts};
use crate::frame::{Head, LiveSign, Loaded, With, read};
use crate::model::act::{Act, TorOrder};
use crate::model::overview::{Gate, LaneFigures};
use crate::model::tor::{Circuit, CountryTor, Probe, Tor};
use crate::model::{Condition, Lane, Values};
use crate::source;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use std::time::Duration;
use tornado_ui::button::Button;
use tornado_ui::chart::{Chart, Meter, Series, highest, lowest};
use tornado_ui::feedback::Empty;
use tornado_ui::figures::{Card, Fact};
use tornado_ui::icon::Icon;
use tornado_ui::overlay::Consequence;
use tornado_ui::path::Path;
use tornado_ui::state::{Country, State};
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, view};

/// Interval between two readings of the circuits.
const PERIOD: Duration = Duration::from_secs(5);
/// Length of the charts in seconds.
const HOUR: i64 = 3600;

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

/// A chart of the last hour.
fn course(
    t: Texts,
    title: &'static str,
    tone: &'static str,
    values: Values,
    as_of: i64,
    write: impl Fn(f64) -> String + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let now = values.last().copied().flatten();
    let summary = match (lowest(&values), highest(&values), now) {
        (Some(low), Some(high), Some(now)) => t.chart_sentence(&write(high), &write(low), &write(now)),
        _ => t.chart_empty().to_owned(),
    };
    let series = vec![Series {
        name: t.range_hour().to_owned(),
        now: now.map(write).unwrap_or_default(),
        tone,
        is_filled: true,
        values,
    }];
    let time = |step| t.clock(as_of - HOUR + HOUR * step / 4).chars().take(5).collect();
    let times: Vec<String> = (0..=4).map(time).collect();
    view! { <Chart title summary series scale=move |value: f64| write(value) times /> }
}

/// Buttons of the head: what changes the desired state, by what it is now.
#[component]
fn Orders(tor: Tor) -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let effects: Vec<_> = tor
        .devices
        .map(|devices| Consequence { count: t.number(devices), text: t.effect_tor(devices) })
        .into_iter()
        .collect();
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
        exit_countries: Some(tor.exits.len() as u64).filter(|count| *count > 0),
        down: None,
        up: None,
        course: Vec::new(),
    };
    view! {
        <section class="card" aria-labelledby="path">
            <div class="card-head">
                <h2 id="path">{t.lane_tor()}</h2>
                <State condition=tor.gate.condition() word=gate_word(t, tor.gate) loud=true />
                {tor.since_s.map(|seconds| view! { <p>{t.since(&t.span(seconds))}</p> })}
                <p class="push"><bdi dir="ltr">{tor.gate_reason.clone()}</bdi></p>
            </div>
            <div class="topo"><Path label=t.path_of("tor") hops=hops(t, &lane) /></div>
        </section>
        <div class="cols-2">
            <States tor=tor.clone() />
            <Health tor=tor.clone() />
        </div>
        <div class="cols-2">
            {course(t, t.streams(), "tor", tor.streams_course.clone(), tor.as_of, move |n| t.number(n as u64))}
            {course(t, t.bootstrap(), "ok", tor.bootstrap_course.clone(), tor.as_of, move |n| t.percent(n as u64))}
        </div>
        <Circuits circuits=tor.circuits.clone() />
        <div class="cols-2">
            <Exits exits=tor.exits.clone() />
            <div class="stack">
                <Countries countries=tor.countries.clone() />
                <Card id="log" title=t.tor_log()>
                    <div class="card-body">
                        <ol class="lines" dir="ltr" tabindex="0" aria-labelledby="log">
                            {tor.log.iter().map(|line| view! { <li>{line.clone()}</li> }).views()}
                        </ol>
                    </div>
                </Card>
            </div>
        </div>
    }
}

/// Desired and actual state of process, lane and kernel.
#[component]
fn States(tor: Tor) -> impl IntoView {
    let t = use_texts();
    let running = if tor.is_process_desired { t.desired_running() } else { t.desired_stopped() };
    let lane = gate_word(t, if tor.is_lane_desired { Gate::Open } else { Gate::Maintenance });
    let kernel = match tor.applied {
        Some(gate) => (if gate == tor.gate { gate.condition() } else { Condition::Broken }, gate_word(t, gate)),
        None => (Condition::Absent, t.not_known()),
    };
    let rows = [
        (t.tor_process(), running, (tor.process, tor.process_state.as_str())),
        (t.lane(), lane, (tor.gate.condition(), gate_word(t, tor.gate))),
        (t.kernel(), gate_word(t, tor.gate), kernel),
    ]
    .map(|(what, desired, (condition, actual))| {
        view! {
            <tr role="row">
                <th scope="row" role="rowheader" class="a">{what}</th>
                <td role="cell" class="c">{desired}</td>
                <td role="cell" class="b"><State condition word=actual /></td>
            </tr>
        }
    })
    .into_iter()
    .views();
    let columns = vec![Column::new(t.what(), "a"), Column::new(t.desired(), "c"), Column::new(t.actual(), "b")];
    view! {
        <Card id="states" title=t.desired_actual()>
            <Table caption=t.desired_actual() columns cards=true>{rows}</Table>
        </Card>
    }
}

/// Start of Tor, probe, canary, load.
#[component]
fn Health(tor: Tor) -> impl IntoView {
    let t = use_texts();
    let (percent, step) = tor.bootstrap;
    let probe = match tor.probe {
        Some(Probe { is_ok: true, took_ms, detail, .. }) => {
            view! {
                <State condition=Condition::Good word=t.passed() />
                <span class="push dim">{measure((t.number(took_ms), "ms"))}" "<Country code=detail /></span>
            }
            .into_any()
        }
        Some(Probe { detail, .. }) => {
            view! { <State condition=Condition::Broken word=t.outcome_failed() /><span class="push dim">{detail}</span> }.into_any()
        }
        None => view! { <span class="dim">{t.none_yet()}</span> }.into_any(),
    };
    let canary = match tor.is_canary_healthy {
        Some(true) => view! { <State condition=Condition::Good word=t.as_desired() /> }.into_any(),
        Some(false) => view! { <State condition=Condition::Broken word=t.not_as_desired() /> }.into_any(),
        None => view! { <span class="dim">{t.not_known()}</span> }.into_any(),
    };
    let (read, written) = tor.traffic;
    let version = tor.version.unwrap_or_else(|| t.not_known().to_owned());
    view! {
        <Card id="health" title=t.health()>
            <div class="card-body stack-s">
                <div class="row">
                    <span class="grow"><bdi>{step}</bdi></span>
                    <span class="num">{t.percent(percent)}</span>
                </div>
                <Meter
                    label=t.bootstrap()
                    percent=Signal::stored(u8::try_from(percent.min(100)).unwrap_or(100))
                    is_progress=true
                />
                <dl class="facts">
                    <Fact name=t.probe()><span class="row">{probe}</span></Fact>
                    <Fact name=t.part_canary()>{canary}</Fact>
                    <Fact name=t.version()><bdi dir="ltr">{version}</bdi></Fact>
                    <Fact name=t.up()>{t.age(tor.up_s)}</Fact>
                    <Fact name=t.streams()>{t.number(tor.streams)}</Fact>
                    <Fact name=t.transferred()>
                        {t.read_and_written(&t.joined(t.bytes(read)), &t.joined(t.bytes(written)))}
                    </Fact>
                </dl>
            </div>
        </Card>
    }
}

#[component]
fn Circuits(circuits: Option<Vec<Circuit>>) -> impl IntoView {
    let t = use_texts();
    let circuits = circuits.unwrap_or_default();
    let count = circuits.len() as u64;
    let columns =
        vec![Column::new(t.circuit(), "a"), Column::new(t.circuit_path(), "c"), Column::new(t.purpose(), "d")];
    let body = if circuits.is_empty() {
        view! { <Empty icon=Icon::Tor title=t.circuits_none() text=t.circuits_none_text() /> }.into_any()
    } else {
        let rows = circuits
            .into_iter()
            .map(|one| {
                let path = one
                    .path
                    .into_iter()
                    .map(|(nickname, country)| {
                        view! { <span class="relay">{nickname}{country.map(|code| view! { <Country code /> })}</span> }
                    })
                    .views();
                view! {
                    <tr role="row">
                        <th scope="row" role="rowheader" class="a">
                            <State condition=one.condition word=one.id />
                        </th>
                        <td role="cell" class="c"><bdi dir="ltr" class="circ">{path}</bdi></td>
                        <td role="cell" class="d soft"><bdi dir="ltr">{one.purpose}</bdi></td>
                    </tr>
                }
            })
            .views();
        view! { <Table caption=t.circuits() columns cards=true tight=true>{rows}</Table> }.into_any()
    };
    view! { <Card id="circuits" title=t.circuits() aside=t.circuits_note(count)>{body}</Card> }
}

#[component]
fn Exits(exits: Vec<(String, u64)>) -> impl IntoView {
    let t = use_texts();
    let total: u64 = exits.iter().map(|(_, count)| *count).sum::<u64>().max(1);
    let columns = vec![
        Column::new(t.country(), "a"),
        Column::new(t.exit_relays(), "num b"),
        Column::hidden(t.part_of_all(), "c"),
    ];
    let rows = exits
        .iter()
        .take(10)
        .map(|(country, count)| {
            let part = u8::try_from(count * 100 / total).unwrap_or(100);
            let label = format!("{country}: {}", t.percent(u64::from(part)));
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><Country code=country.clone() /></th>
                    <td role="cell" class="num b">{t.number(*count)}</td>
                    <td role="cell" class="c"><Meter label percent=Signal::stored(part) cell=true is_progress=true /></td>
                </tr>
            }
        })
        .views();
    view! {
        <Card id="exits" title=t.exits_by_country() aside=t.countries(exits.len() as u64)>
            <Table caption=t.exits_by_country() columns tight=true cards=true>{rows}</Table>
        </Card>
    }
}

#[component]
fn Countries(countries: Vec<CountryTor>) -> impl IntoView {
    let t = use_texts();
    if countries.is_empty() {
        return None;
    }
    let columns = vec![Column::new(t.country(), "a"), Column::new(t.state(), "b"), Column::new(t.chosen(), "num c")];
    let rows = countries
        .into_iter()
        .map(|one| {
            let word = match one.condition {
                Condition::Good => t.service_ready().to_owned(),
                Condition::Pending => t.starting_at(one.percent),
                Condition::Absent | Condition::Stopped => t.service_stopped().to_owned(),
                Condition::Held | Condition::Degraded | Condition::Broken | Condition::Shut => {
                    t.service_failed().to_owned()
                }
            };
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><Country code=one.country /></th>
                    <td role="cell" class="b"><State condition=one.condition word /></td>
                    <td role="cell" class="num c">{if one.is_used { t.yes() } else { t.no() }}</td>
                </tr>
            }
        })
        .views();
    Some(view! {
        <Card id="countries" title=t.countries_in_use()>
            <Table caption=t.countries_in_use() columns tight=true cards=true>{rows}</Table>
        </Card>
    })
}
