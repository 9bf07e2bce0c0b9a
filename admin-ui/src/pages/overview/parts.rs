//! Services and what they depend on.

use crate::model::Condition;
use crate::model::overview::{Dependency, Part, Service};
use crate::pages::{known, measure};
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use tornado_ui::figures::{Card, Fact};
use tornado_ui::state::State;
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, view};

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

/// The services.
#[component]
pub fn ServicesCard(
    /// In the order of their start.
    services: Vec<Service>,
) -> impl IntoView {
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
            let href = format!("/services#{}", service.name);
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><a class="main-link" href=href>{service.name}</a></th>
                    <td role="cell" class="b"><State condition=service.condition word /></td>
                    <td role="cell" class="num hide-s">{t.age(service.up_s)}</td>
                    <td role="cell" class="num">{known(t, service.cpu.map(|cpu| (t.decimal(cpu, 1), "%")))}</td>
                    <td role="cell" class="num">{known(t, service.memory.map(|bytes| t.memory(bytes)))}</td>
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

/// Databases, Tor, canary, firewall.
#[component]
pub fn Dependencies(
    /// How each is.
    dependencies: Vec<Dependency>,
) -> impl IntoView {
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
                            let latency = one.latency_ms.map(|ms| {
                                view! { <span class="push dim">{measure((t.decimal(ms, 1), "ms"))}</span> }
                            });
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
