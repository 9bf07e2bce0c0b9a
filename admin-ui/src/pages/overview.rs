//! Overview: what needs attention first, then figures, pictures, lists.

use super::{address, measure, parameter};
use crate::acts::InviteLink;
use crate::frame::{Head, LiveSign, Loaded, read};
use crate::model::overview::{
    Attention, Count, Dependency, Event, Gate, LaneFigures, Machine, Overview, Part, Range, Service,
};
use crate::model::{Condition, Lane, Values};
use crate::source;
use crate::texts::{Texts, rfc3339, use_texts};
use leptos::prelude::*;
use std::time::Duration;
use tornado_ui::button::{LinkButton, Segments, Size};
use tornado_ui::chart::{Chart, Series, Sparkline, highest, lowest};
use tornado_ui::figures::{Card, Fact, Happening, Tile, Timeline};
use tornado_ui::icon::{Glyph, Icon};
use tornado_ui::path::{Hop, Leg, Path};
use tornado_ui::state::{LaneTag, State, Tag};
use tornado_ui::table::{Column, Table};
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
fn AttentionCard(attention: Vec<Attention>) -> impl IntoView {
    let t = use_texts();
    let count = attention.len() as u64;
    let rows = attention
        .into_iter()
        .map(|one| {
            let (condition, head, text, href, cure) = words(t, one);
            view! {
                <li>
                    <Glyph shape=condition.shape() tone=condition.tone() />
                    <p><b>{head}</b>" "<bdi>{text}</bdi></p>
                    <LinkButton href=href size=Size::Small>{cure}</LinkButton>
                </li>
            }
        })
        .views();
    view! {
        <section class="card" aria-labelledby="attention">
            <div class="card-head">
                <h2 id="attention">{t.attention()}</h2>
                {(count > 0).then(|| view! { <Tag>{t.number(count)}</Tag> })}
                <p class="push hide-s">{if count == 0 { t.attention_none() } else { t.attention_rest() }}</p>
            </div>
            <ul class="alerts">{rows}</ul>
        </section>
    }
}

/// State, head, text, address of the cure, and its word.
fn words(t: Texts, attention: Attention) -> (Condition, String, String, String, String) {
    match attention {
        Attention::Service { name, condition, reason } => {
            let head =
                if condition == Condition::Degraded { t.attention_degraded(&name) } else { t.attention_down(&name) };
            (condition, head, reason, format!("/services#{name}"), t.attention_open(&name))
        }
        Attention::Disk { percent } => (
            Condition::Degraded,
            t.attention_disk(percent),
            String::new(),
            "/settings".to_owned(),
            t.attention_disk_open().to_owned(),
        ),
        Attention::Firewall => (
            Condition::Broken,
            t.attention_firewall().to_owned(),
            t.attention_firewall_text().to_owned(),
            "/services#wg".to_owned(),
            t.attention_open("wg"),
        ),
        Attention::Canary => (
            Condition::Broken,
            t.attention_canary().to_owned(),
            t.attention_canary_text().to_owned(),
            "/tor".to_owned(),
            t.attention_open("Tor"),
        ),
        Attention::Missing { service, reason } => (
            Condition::Degraded,
            t.unavailable_title(&service),
            reason,
            "/services".to_owned(),
            t.attention_open(t.nav_services()),
        ),
        Attention::Lane { lane, devices } => (
            Condition::Shut,
            t.attention_lane(lane.word()),
            devices.map(|devices| t.attention_lane_devices(devices)).unwrap_or_default(),
            if lane == Lane::Tor { "/tor".to_owned() } else { "/services#wg".to_owned() },
            t.attention_open(lane.word()),
        ),
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

/// Times at equal distances between two moments.
fn times(t: Texts, from: i64, to: i64, range: Range) -> Vec<String> {
    (0..=6)
        .map(|step| {
            let at = from + (to - from) * step / 6;
            match range {
                Range::Live => t.clock(at),
                Range::Hour | Range::Day => t.clock(at).chars().take(5).collect(),
                Range::Month => t.date(at).chars().skip(5).collect(),
            }
        })
        .collect()
}

fn charts(t: Texts, overview: &Overview, range: Range) -> impl IntoView + use<> {
    let times = times(t, overview.from, overview.as_of, range);
    let sentence = move |values: &Values, write: &dyn Fn(f64) -> String| {
        let now = values.last().copied().flatten();
        match (lowest(values), highest(values), now) {
            (Some(low), Some(high), Some(now)) => t.chart_sentence(&write(high), &write(low), &write(now)),
            _ => t.chart_empty().to_owned(),
        }
    };
    let rate = move |bits: f64| t.joined(t.rate(bits));
    let count = move |value: f64| t.number(value.max(0.0) as u64);
    let mut throughput = Vec::new();
    let mut throughput_words = Vec::new();
    for lane in &overview.lanes {
        throughput.push(Series {
            name: lane.lane.word().to_owned(),
            now: lane.down.map(rate).unwrap_or_default(),
            tone: lane.lane.word(),
            is_filled: true,
            values: lane.course.clone(),
        });
        throughput_words.push(format!("{}: {}", lane.lane.word(), sentence(&lane.course, &rate)));
    }
    if throughput_words.is_empty() {
        throughput_words.push(t.chart_empty().to_owned());
    }
    let mut sessions = Vec::new();
    let mut session_words = Vec::new();
    for (one, name, tone) in [(&overview.online, t.state_online(), "ok"), (&overview.offline, t.state_offline(), "off")]
    {
        sessions.push(Series {
            name: name.to_owned(),
            now: one.now.map(|n| t.number(n)).unwrap_or_default(),
            tone,
            is_filled: tone == "ok",
            values: one.course.clone(),
        });
        session_words.push(format!("{name}: {}", sentence(&one.course, &count)));
    }
    view! {
        <Chart
            title=t.throughput()
            summary=throughput_words.join(" ")
            series=throughput
            scale=move |bits: f64| t.joined(t.rate(bits))
            times=times.clone()
        />
        <Chart
            title=t.nav_sessions()
            summary=session_words.join(" ")
            series=sessions
            scale=move |value: f64| t.number(value.max(0.0) as u64)
            times
        />
    }
}

#[component]
fn MachineCard(machine: Machine) -> impl IntoView {
    let t = use_texts();
    let mini = move |name: String, value: Option<String>, course: Values| {
        let value = value.unwrap_or_else(|| t.not_known().to_owned());
        view! {
            <div class="mini">
                <p class="mini-head"><bdi>{name}</bdi><b>{value}</b></p>
                <Sparkline values=course />
            </div>
        }
    };
    let memory = move |bytes: u64| t.joined(t.memory(bytes));
    let of = move |used: Count, total: Option<u64>| match (used.now, total) {
        (Some(used), Some(total)) => Some(t.of_amount(&memory(total), &memory(used))),
        (used, _) => used.map(memory),
    };
    let rate = machine.network.now.map(|bits| t.joined(t.rate(bits as f64)));
    let (memory_course, disk_course) = (machine.memory_used.course.clone(), machine.disk_used.course.clone());
    view! {
        <section class="card" aria-labelledby="machine">
            <div class="card-head">
                <h2 id="machine">{t.machine()}</h2>
            </div>
            <div class="minis">
                {mini(t.processor().to_owned(), machine.cpu.now.map(|n| t.percent(n)), machine.cpu.course)}
                {mini(t.memory_word().to_owned(), of(machine.memory_used, machine.memory), memory_course)}
                {mini(t.network().to_owned(), rate, machine.network.course)}
                {mini(t.state_disk().to_owned(), of(machine.disk_used, machine.disk), disk_course)}
            </div>
        </section>
    }
}

/// Word of a service's state.
pub fn service_word(t: Texts, service: &Service) -> &'static str {
    match service.condition {
        Condition::Good => t.service_ready(),
        Condition::Pending => t.service_starting(),
        Condition::Degraded | Condition::Held => t.service_degraded(),
        Condition::Broken | Condition::Shut => t.service_failed(),
        Condition::Absent | Condition::Stopped => t.service_stopped(),
    }
}

#[component]
fn ServicesCard(services: Vec<Service>) -> impl IntoView {
    let t = use_texts();
    let ready = services.iter().filter(|service| service.condition == Condition::Good).count() as u64;
    let total = services.len() as u64;
    let columns = vec![
        Column::new(t.service(), "a"),
        Column::new(t.state(), "b"),
        Column::new(t.up(), "num hide-s"),
        Column::new(t.cpu(), "num"),
        Column::new(t.memory_word(), "num"),
    ];
    let rows = services
        .into_iter()
        .map(|service| {
            let word = service_word(t, &service);
            let unknown = move || view! { <span class="dim">{t.not_known()}</span> };
            let cpu = match service.cpu {
                Some(cpu) => measure((t.decimal(cpu, 1), "%")).into_any(),
                None => unknown().into_any(),
            };
            let memory = match service.memory {
                Some(memory) => measure(t.memory(memory)).into_any(),
                None => unknown().into_any(),
            };
            let href = format!("/services#{}", service.name);
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><a class="main-link" href=href>{service.name}</a></th>
                    <td role="cell" class="b"><State condition=service.condition word /></td>
                    <td role="cell" class="num hide-s">{t.age(service.up_s)}</td>
                    <td role="cell" class="num">{cpu}</td>
                    <td role="cell" class="num">{memory}</td>
                </tr>
            }
        })
        .views();
    view! {
        <Card id="services" title=t.nav_services() aside=t.services_ready(total, ready)>
            <Table caption=t.nav_services() columns tight=true>{rows}</Table>
        </Card>
    }
}

#[component]
fn Dependencies(dependencies: Vec<Dependency>) -> impl IntoView {
    let t = use_texts();
    view! {
        <Card id="dependencies" title=t.dependencies()>
            <div class="card-body">
                <dl class="facts">
                    {dependencies
                        .into_iter()
                        .map(|one| {
                            let name = match one.part {
                                Part::Identity => t.part_identity(),
                                Part::Sessions => t.part_sessions(),
                                Part::Live => t.part_live(),
                                Part::TorNetwork => t.part_tor(),
                                Part::Canary => t.part_canary(),
                                Part::Firewall => t.part_firewall(),
                            };
                            let word = match one.condition {
                                Condition::Good => t.as_desired(),
                                Condition::Absent | Condition::Stopped => t.not_known(),
                                Condition::Pending
                                | Condition::Held
                                | Condition::Degraded
                                | Condition::Broken
                                | Condition::Shut => t.not_as_desired(),
                            };
                            let latency =
                                one.latency_ms.map(|ms| view! { <span class="push dim">{measure((t.decimal(ms, 1), "ms"))}</span> });
                            view! {
                                <Fact name>
                                    <span class="row"><State condition=one.condition word />{latency}</span>
                                </Fact>
                            }
                        })
                        .views()}
                </dl>
            </div>
        </Card>
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
