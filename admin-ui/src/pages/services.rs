//! Services: desired and actual state, restarts, processor and memory.

use super::overview::service_word;
use super::{address, measure};
use crate::acts::{Ask, Question};
use crate::frame::{Head, Loaded, read};
use crate::model::act::{Act, ServiceAction};
use crate::model::overview::Service;
use crate::source;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use std::time::Duration;
use tornado_ui::button::{Kind, Size};
use tornado_ui::chart::Sparkline;
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

/// Buttons of a row. The supervisor cannot stop itself.
#[component]
fn Orders(name: String, is_desired: bool) -> impl IntoView {
    let t = use_texts();
    if name == "master" {
        return None;
    }
    let question = |action, title: String, text: String, verb: &str, done: String| Question {
        title,
        text,
        effects: Vec::new(),
        verb: verb.to_owned(),
        is_danger: action != ServiceAction::Start,
        act: Act::ControlService { service: name.clone(), action },
        done,
    };
    let notice = notice(t, &name);
    let first = if is_desired {
        let title = t.restart_title(&name);
        question(ServiceAction::Restart, title, notice.to_owned(), t.restart(), t.done_restarted(&name))
    } else {
        let (title, text) = (t.start_title(&name), t.start_text().to_owned());
        question(ServiceAction::Start, title, text, t.start(), t.done_started(&name))
    };
    let stop = is_desired.then(|| {
        let text = format!("{} {}", t.stop_text(), notice);
        question(ServiceAction::Stop, t.stop_title(&name), text, t.stop(), t.done_stopped(&name))
    });
    let word = if is_desired { t.restart() } else { t.start() };
    Some(view! {
        <span class="row acts">
            <Ask question=first kind=Kind::Quiet size=Size::Small word />
            {stop.map(|question| view! { <Ask question kind=Kind::Quiet size=Size::Small word=t.stop() /> })}
        </span>
    })
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The services.
    services: Vec<Service>,
) -> impl IntoView {
    let t = use_texts();
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
            let cpu = service.cpu.map_or_else(
                || view! { <span class="dim">{t.not_known()}</span> }.into_any(),
                |cpu| measure((t.decimal(cpu, 1), "%")).into_any(),
            );
            let memory = service.memory.map_or_else(
                || view! { <span class="dim">{t.not_known()}</span> }.into_any(),
                |memory| measure(t.memory(memory)).into_any(),
            );
            view! {
                <tr role="row" id=service.name.clone()>
                    <th scope="row" role="rowheader" class="a"><a class="main-link" href=address("/logs", &[("text", Some(&format!("service:{}", service.name)))])>
                            <bdi dir="ltr">{service.name.clone()}</bdi>
                        </a>
                    </th>
                    <td role="cell" class="hide-m">{desired}</td>
                    <td role="cell" class="b"><State condition=service.condition word /></td>
                    <td role="cell" class="c soft wrap"><bdi>{service.reason.clone()}</bdi></td>
                    <td role="cell" class="num">{t.age(service.up_s)}</td>
                    <td role="cell" class="num hide-m">{t.number(service.restarts)}</td>
                    <td role="cell" class="num">{cpu}</td>
                    <td role="cell" class="hide-m"><Sparkline values=service.cpu_course.clone() cell=true /></td>
                    <td role="cell" class="num d">{memory}</td>
                    <td role="cell" class="col-act"><Orders name=name is_desired=service.is_desired /></td>
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
    }
}
