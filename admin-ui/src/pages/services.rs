//! Services: desired and actual state, restarts, processor and memory; units of systemd.

use super::overview::service_word;
use super::{address, known};
use crate::acts::{Ask, Question};
use crate::frame::{Head, Loaded, read};
use crate::model::act::{Act, ServiceAction};
use crate::model::overview::{Services, Unit};
use crate::source;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use std::time::Duration;
use tornado_ui::button::{Kind as ButtonKind, Size};
use tornado_ui::chart::Sparkline;
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::figures::Card;
use tornado_ui::state::{Condition, State};
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, view};

/// Interval between two readings of processor and memory.
const PERIOD: Duration = Duration::from_secs(5);

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let services = read(|| (), |()| source::services(), &["services"], Some(PERIOD));
    view! {
        <Head title=t.nav_services() />
        <Loaded of=services view=move |services| view! { <Content services /> } />
    }
}

/// What devices notice while a service does not run.
fn notice(t: Texts, service: &str) -> &'static str {
    match service {
        "auth" => t.notice_auth(),
        "session" => t.notice_session(),
        "wg" => t.notice_wg(),
        "tor" => t.notice_tor(),
        "dns" => t.notice_dns(),
        "client-api" => t.notice_client_api(),
        "admin" => t.notice_admin(),
        "telemetry" => t.notice_telemetry(),
        _ => t.notice_other(),
    }
}

/// What the buttons of a row control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A service of the product.
    Service,
    /// A unit of systemd.
    Unit,
}

/// Buttons of a row.
#[component]
fn Orders(name: String, is_running: bool, kind: Kind) -> impl IntoView {
    let t = use_texts();
    let question = |action, title: String, text: String, verb: &str, done: String| Question {
        title,
        text,
        effects: Vec::new(),
        verb: verb.to_owned(),
        is_danger: action != ServiceAction::Start,
        act: match kind {
            Kind::Service => Act::ControlService { service: name.clone(), action },
            Kind::Unit => Act::ControlUnit { unit: name.clone(), action },
        },
        done,
    };
    let notice = if kind == Kind::Unit { t.notice_unit() } else { notice(t, &name) };
    let first = if is_running {
        let title = t.restart_title(&name);
        question(ServiceAction::Restart, title, notice.to_owned(), t.restart(), t.done_restarted(&name))
    } else {
        let text = if kind == Kind::Unit { notice } else { t.start_text() };
        question(ServiceAction::Start, t.start_title(&name), text.to_owned(), t.start(), t.done_started(&name))
    };
    let stop = is_running.then(|| {
        let text = if kind == Kind::Unit { notice.to_owned() } else { format!("{} {}", t.stop_text(), notice) };
        question(ServiceAction::Stop, t.stop_title(&name), text, t.stop(), t.done_stopped(&name))
    });
    let word = if is_running { t.restart() } else { t.start() };
    view! {
        <span class="row acts">
            <Ask question=first kind=ButtonKind::Quiet size=Size::Small word />
            {stop.map(|question| view! { <Ask question kind=ButtonKind::Quiet size=Size::Small word=t.stop() /> })}
        </span>
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The services and units.
    services: Services,
) -> impl IntoView {
    let t = use_texts();
    let Services { services, units, problem } = services;
    let columns = vec![
        Column::new(t.service(), "a"),
        Column::new(t.desired(), "hide-m"),
        Column::new(t.actual(), "b"),
        Column::new(t.reason(), "c"),
        Column::new(t.up(), "num"),
        Column::new(t.restarts(), "num hide-m"),
        Column::new(t.cpu(), "num"),
        Column::hidden(t.cpu_course(), "hide-m"),
        Column::new(t.memory_word(), "num d"),
        Column::hidden(t.action(), "col-act"),
    ];
    let (all, ready) =
        (services.len() as u64, services.iter().filter(|service| service.condition == Condition::Good).count() as u64);
    let memory = services.iter().map(|service| service.memory).sum::<Option<u64>>();
    let rows = services
        .into_iter()
        .map(|service| {
            let word = service_word(t, &service);
            // The children of an element are built before its attributes.
            let name = service.name.clone();
            let desired = if service.is_desired { t.desired_running() } else { t.desired_stopped() };
            let log = address("/logs", &[("text", Some(&format!("service:{name}")))]);
            // The supervisor cannot stop itself.
            let orders = (name != "master").then(|| {
                view! { <Orders name=name.clone() is_running=service.is_desired kind=Kind::Service /> }
            });
            view! {
                <tr role="row" id=name.clone()>
                    <th scope="row" role="rowheader" class="a">
                        <a class="main-link" href=log><bdi dir="ltr">{name.clone()}</bdi></a>
                    </th>
                    <td role="cell" class="hide-m">{desired}</td>
                    <td role="cell" class="b"><State condition=service.condition word /></td>
                    <td role="cell" class="c soft wrap"><bdi>{service.reason.clone()}</bdi></td>
                    <td role="cell" class="num">{t.age(service.up_s)}</td>
                    <td role="cell" class="num hide-m">{t.number(service.restarts)}</td>
                    <td role="cell" class="num">{known(t, service.cpu.map(|cpu| (t.decimal(cpu, 1), "%")))}</td>
                    <td role="cell" class="hide-m"><Sparkline values=service.cpu_course.clone() cell=true /></td>
                    <td role="cell" class="num d">{known(t, service.memory.map(|bytes| t.memory(bytes)))}</td>
                    <td role="cell" class="col-act">{orders}</td>
                </tr>
            }
        })
        .views();
    view! {
        <section class="card" aria-labelledby="processes">
            <div class="card-head">
                <h2 id="processes">{t.processes()}</h2>
                <p>{t.services_ready(all, ready)}</p>
                {memory.map(|memory| view! { <p class="push">{t.joined(t.memory(memory))}</p> })}
            </div>
            <Table caption=t.nav_services() columns cards=true>{rows}</Table>
        </section>
        {problem.map(|problem| view! { <Note weight=Weight::Warning><bdi>{problem}</bdi></Note> })}
        {(!units.is_empty()).then(|| view! { <Units units /> })}
    }
}

/// The units of systemd that the configuration names.
#[component]
fn Units(units: Vec<Unit>) -> impl IntoView {
    let t = use_texts();
    let columns = vec![
        Column::new(t.unit(), "a"),
        Column::new(t.actual(), "b"),
        Column::new(t.what(), "c"),
        Column::new(t.up(), "num"),
        Column::new(t.restarts(), "num hide-m"),
        Column::new(t.memory_word(), "num d"),
        Column::hidden(t.action(), "col-act"),
    ];
    let rows = units
        .into_iter()
        .map(|unit| {
            let is_running = matches!(unit.condition, Condition::Good | Condition::Pending);
            let orders = if unit.is_controllable {
                view! { <Orders name=unit.name.clone() is_running kind=Kind::Unit /> }.into_any()
            } else {
                view! { <span class="dim small">{t.read_only()}</span> }.into_any()
            };
            let restarts = unit.restarts.map_or_else(|| t.not_known().to_owned(), |n| t.number(n));
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><bdi dir="ltr">{unit.name}</bdi></th>
                    <td role="cell" class="b"><State condition=unit.condition word=unit.state /></td>
                    <td role="cell" class="c soft wrap"><bdi dir="ltr">{unit.description}</bdi></td>
                    <td role="cell" class="num">{t.age(unit.up_s)}</td>
                    <td role="cell" class="num hide-m">{restarts}</td>
                    <td role="cell" class="num d">{known(t, unit.memory.map(|bytes| t.memory(bytes)))}</td>
                    <td role="cell" class="col-act">{orders}</td>
                </tr>
            }
        })
        .views();
    view! {
        <Card id="units" title=t.units()>
            <Table caption=t.units() columns cards=true>{rows}</Table>
            <div class="card-foot">{t.units_hint()}</div>
        </Card>
    }
}
