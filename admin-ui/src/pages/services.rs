//! Services: desired and actual state, restarts, processor and memory.

use super::measure;
use super::overview::service_word;
use crate::frame::{Head, Loaded};
use crate::model::overview::Service;
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::chart::Sparkline;
use tornado_ui::state::State;
use tornado_ui::table::{Column, Table};

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let services = Resource::new(|| (), |()| source::services());
    view! {
        <Head title=t.nav_services() />
        <Loaded of=services view=move |services| view! { <Content services /> } />
    }
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
    ];
    let rows = services
        .into_iter()
        .map(|service| {
            let word = service_word(t, &service);
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
                    <th scope="row" role="rowheader" class="a"><bdi dir="ltr">{service.name.clone()}</bdi></th>
                    <td role="cell" class="hide-m">{desired}</td>
                    <td role="cell" class="b"><State condition=service.condition word /></td>
                    <td role="cell" class="c soft">{service.reason.clone()}</td>
                    <td role="cell" class="num">{t.age(service.up_s)}</td>
                    <td role="cell" class="num hide-m">{t.number(service.restarts)}</td>
                    <td role="cell" class="num">{cpu}</td>
                    <td role="cell" class="hide-m"><Sparkline values=service.cpu_course.clone() cell=true /></td>
                    <td role="cell" class="num d">{memory}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <section class="card" aria-label=t.nav_services()>
            <Table caption=t.nav_services() columns cards=true>{rows}</Table>
        </section>
    }
}
