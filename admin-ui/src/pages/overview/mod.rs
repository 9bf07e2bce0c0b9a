//! Overview: what needs attention first, then figures, pictures, lists.

mod attention;
mod charts;
mod parts;

use super::{address, parameter};
use crate::acts::InviteLink;
use crate::frame::{Head, LiveSign, Loaded, read};
use crate::model::overview::{Count, Event, Gate, LaneFigures, Overview, Range};
use crate::model::{Condition, Lane};
use crate::source;
use crate::texts::{Texts, rfc3339, use_texts};
use attention::AttentionCard;
use charts::{MachineCard, charts};
use leptos::prelude::*;
pub use parts::service_word;
use parts::{Dependencies, ServicesCard};
use std::time::Duration;
use tornado_ui::button::Segments;
use tornado_ui::figures::{Card, Happening, Tile, Timeline};
use tornado_ui::icon::Icon;
use tornado_ui::path::{Hop, Leg, Path};
use tornado_ui::state::{LaneTag, State};
use tornado_ui::{Views as _, view};

/// Interval between two readings of the figures.
const PERIOD: Duration = Duration::from_secs(5);

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let chosen = parameter("range");
    let range = Memo::new(move |_| Range::of_word(&chosen.get().unwrap_or_default()));
    let overview =
        read(move || range.get(), source::overview, &["services", "session", "sessions", "tor"], Some(PERIOD));
    let ranges = move || {
        let options = Range::ALL.map(|one| {
            let word = match one {
                Range::Live => t.range_live(),
                Range::Hour => t.range_hour(),
                Range::Day => t.range_day(),
                Range::Month => t.range_month(),
            };
            (address("/", &[("range", Some(one.word()))]), word.to_owned(), one == range.get())
        });
        view! { <Segments label=t.range() options=options.to_vec() /> }
    };
    view! {
        <Head title=t.nav_overview()>
            <LiveSign of=overview as_of=|overview| overview.as_of />
            {ranges}
            <InviteLink />
        </Head>
        <Loaded of=overview view=move |overview| view! { <Content overview range=range.get_untracked() /> } />
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The values.
    overview: Overview,
    /// Time that they cover.
    range: Range,
) -> impl IntoView {
    let t = use_texts();
    let charts = charts(t, &overview, range);
    view! {
        <AttentionCard attention=overview.attention.clone() />
        <Tiles overview=overview.clone() />
        <section class="card" aria-labelledby="lanes">
            <div class="card-head">
                <h2 id="lanes">{t.lanes()}</h2>
                <p>{t.lanes_note()}</p>
            </div>
            {overview.lanes.clone().into_iter().map(|lane| view! { <LaneRow lane /> }).views()}
        </section>
        <div class="cols-2">{charts}</div>
        {overview.machine.clone().map(|machine| view! { <MachineCard machine /> })}
        <div class="cols-2">
            <ServicesCard services=overview.services.clone() />
            <div class="stack">
                <Dependencies dependencies=overview.dependencies.clone() />
                <Latest events=overview.latest.clone() as_of=overview.as_of />
            </div>
        </div>
    }
}

#[component]
fn Tiles(overview: Overview) -> impl IntoView {
    let t = use_texts();
    let known = move |count: &Count| count.now.map_or_else(|| t.not_known().to_owned(), |n| t.number(n));
    let slots = overview.slots;
    let total = overview.online.now.zip(overview.offline.now).map(|(online, offline)| online + offline);
    let lanes = overview.lanes.iter().map(|lane| {
        let (value, unit) = lane.down.map_or((t.not_known().to_owned(), ""), |rate| t.rate(rate));
        let note = lane.up.map(|rate| t.from_devices(&t.joined(t.rate(rate)))).unwrap_or_default();
        let (href, name, icon) = match lane.lane {
            Lane::Direct => ("/sessions?lane=direct", t.lane_direct(), Icon::Direct),
            Lane::Tor => ("/tor", t.lane_tor(), Icon::Tor),
        };
        view! { <Tile href name icon value unit=unit note course=lane.course.clone() tone=lane.lane.word() /> }
    });
    view! {
        <section class="tiles" aria-label=t.now()>
            <Tile
                href="/sessions?state=online"
                name=t.state_online()
                condition=Condition::Good
                value=known(&overview.online)
                note=total.map(|total| t.of_sessions(total)).unwrap_or_default()
                course=overview.online.course.clone()
                tone="ok"
            />
            <Tile
                href="/sessions?state=offline"
                name=t.state_offline()
                condition=Condition::Absent
                value=known(&overview.offline)
                note=t.addresses_held()
                course=overview.offline.course.clone()
                tone="off"
            />
            {lanes.views()}
            <Tile
                href="/sessions"
                name=t.addresses()
                icon=Icon::Globe
                value=slots.map_or_else(|| t.not_known().to_owned(), |(leased, _)| t.number(leased))
                note=slots.map(|(_, all)| t.of_addresses(all)).unwrap_or_default()
                course=Vec::new()
            />
            <Tile
                href="/sessions"
                name=t.connects()
                icon=Icon::Refresh
                value=known(&overview.connects)
                note=t.per_minute()
                course=overview.connects.course.clone()
            />
        </section>
    }
}

/// The places on a lane's path.
pub fn hops(t: Texts, lane: &LaneFigures) -> Vec<Hop> {
    let hop = |leg, word: &str, icon, name: &str, note: String| Hop {
        leg,
        leg_word: word.to_owned(),
        icon,
        name: name.to_owned(),
        note,
    };
    let devices = lane.devices.map_or_else(|| t.devices_word().to_owned(), |devices| t.devices(devices));
    let devices = hop(Leg::Start, "", Icon::Laptop, &devices, String::new());
    match lane.lane {
        Lane::Direct => {
            let out = if lane.passage == Gate::Open { Leg::Clear } else { Leg::Closed };
            vec![
                devices,
                hop(Leg::Direct, "WireGuard", Icon::Services, t.gateway(), lane.gateway.clone()),
                hop(out, "", Icon::Globe, t.internet(), t.sees_gateway().to_owned()),
            ]
        }
        Lane::Tor => {
            let [to_guard, to_middle, to_exit, out] = lane.passage.passage().legs();
            let countries = lane.exit_countries.map(|n| t.countries(n)).unwrap_or_default();
            vec![
                devices,
                hop(Leg::WireGuardTor, "WireGuard", Icon::Services, t.gateway(), t.never_forwards().to_owned()),
                hop(to_guard, "", Icon::Relay, t.guard(), String::new()),
                hop(to_middle, "", Icon::Relay, t.middle(), String::new()),
                hop(to_exit, "", Icon::Relay, t.exit(), countries),
                hop(out, "", Icon::Globe, t.internet(), t.sees_exit().to_owned()),
            ]
        }
    }
}

/// Word of a lane's state.
pub fn gate_word(t: Texts, gate: Gate) -> &'static str {
    match gate {
        Gate::Open => t.gate_open(),
        Gate::Maintenance => t.gate_maintenance(),
        Gate::Closed => t.gate_closed(),
    }
}

#[component]
fn LaneRow(lane: LaneFigures) -> impl IntoView {
    let t = use_texts();
    let since = lane.since_s.map(|seconds| t.since(&t.span(seconds)));
    let rate = move |name: &'static str, value: Option<(String, &'static str)>| {
        let (value, unit) = value.unwrap_or((t.not_known().to_owned(), ""));
        view! { <span>{name}</span><b>{value}</b><span>{unit}</span> }
    };
    view! {
        <div class="lane-row">
            <div class="stack-xs">
                <LaneTag lane=lane.lane />
                <State condition=lane.passage.condition() word=gate_word(t, lane.passage) />
                {since.map(|since| view! { <span class="dim small">{since}</span> })}
            </div>
            <Path label=t.path_of(lane.lane.word()) hops=hops(t, &lane) />
            <div class="lane-rates">
                {rate(t.to_devices_short(), lane.down.map(|bits| t.rate(bits)))}
                {rate(t.from_devices_short(), lane.up.map(|bits| t.rate(bits)))}
            </div>
        </div>
    }
}

/// Events as a time line.
pub fn happenings(t: Texts, events: Vec<Event>, as_of: i64) -> Vec<Happening> {
    events
        .into_iter()
        .map(|event| Happening {
            condition: event.condition,
            text: event.text,
            time: t.moment(event.at, as_of),
            at: rfc3339(event.at),
            detail: event.detail,
        })
        .collect()
}

#[component]
fn Latest(events: Vec<Event>, as_of: i64) -> impl IntoView {
    let t = use_texts();
    view! {
        <Card id="latest" title=t.latest()>
            <div class="card-body"><Timeline happenings=happenings(t, events, as_of) /></div>
        </Card>
    }
}
