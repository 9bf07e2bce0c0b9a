//! One user: usage, devices, current sessions, limits.

use super::sessions::device_icon;
use super::users::{Quota, state};
use crate::frame::{Head, Loaded};
use crate::model::users::{Device, UserDetail};
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use tornado_ui::chart::{Chart, Series, highest};
use tornado_ui::feedback::Empty;
use tornado_ui::figures::{Card, Fact};
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::state::State;
use tornado_ui::table::{Column, Table};

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("name").unwrap_or_default()));
    let user = Resource::new(move || name.get(), source::user);
    view! {
        {move || view! { <Head title=name.get() /> }}
        <p class="crumbs"><a href="/users">{t.nav_users()}</a></p>
        <Loaded of=user view=move |detail| view! { <Content detail /> } />
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The user.
    detail: UserDetail,
) -> impl IntoView {
    let t = use_texts();
    let (condition, word) = state(t, detail.user.state);
    let bytes = move |value: f64| t.joined(t.bytes(value.max(0.0) as u64));
    let summary =
        highest(&detail.days).map_or_else(|| t.chart_empty().to_owned(), |most| t.days_sentence(&bytes(most)));
    let series = vec![Series {
        name: t.transferred().to_owned(),
        now: bytes(detail.user.used as f64),
        tone: "",
        is_filled: true,
        values: detail.days.clone(),
    }];
    let day = 86_400;
    let times = (0..=5)
        .map(|step| t.date(detail.as_of - day * (30 - step * 6)).chars().skip(5).collect())
        .collect::<Vec<String>>();
    // Children of components are closures: each gets a value of its own.
    let user = detail.user.clone();
    let email = user.email.clone().unwrap_or_else(|| t.none().to_owned());
    let peer_group = detail.peer_group.clone().unwrap_or_else(|| t.none().to_owned());
    let (max_devices, has_second_factor) = (user.max_devices, user.has_second_factor);
    let (max_down, max_up) = (detail.max_down, detail.max_up);
    let limit = move |bits: Option<f64>| bits.map_or_else(|| t.not_limited().to_owned(), |bits| t.joined(t.rate(bits)));
    view! {
        <div class="row row-wrap">
            <State condition word loud=true />
            <span class="dim small">{t.created(&t.date(detail.created_at))}</span>
        </div>
        <div class="cols-21">
            <div class="stack">
                <Chart
                    title=t.days_30()
                    summary
                    series
                    scale=move |value: f64| t.joined(t.bytes(value.max(0.0) as u64))
                    times
                />
                <Devices devices=detail.devices.clone() as_of=detail.as_of />
            </div>
            <Card id="limits" title=t.limits()>
                <div class="card-body">
                    <dl class="facts">
                        <Fact name=t.this_month()><Quota user /></Fact>
                        <Fact name=t.devices_at_once()>{t.number(max_devices)}</Fact>
                        <Fact name=t.to_device()>{limit(max_down)}</Fact>
                        <Fact name=t.from_device()>{limit(max_up)}</Fact>
                        <Fact name=t.peer_group()>
                            <bdi>{peer_group}</bdi>
                        </Fact>
                        <Fact name=t.second_factor()>
                            {if has_second_factor { t.set() } else { t.not_set() }}
                        </Fact>
                        <Fact name=t.email()>
                            <bdi dir="ltr">{email}</bdi>
                        </Fact>
                    </dl>
                </div>
            </Card>
        </div>
    }
}

#[component]
fn Devices(devices: Vec<Device>, as_of: i64) -> impl IntoView {
    let t = use_texts();
    let count = devices.len() as u64;
    let columns =
        vec![Column::new(t.device(), "a"), Column::new(t.enrolled(), "c"), Column::new(t.latest_session(), "num b")];
    let body = if devices.is_empty() {
        view! { <Empty icon=Icon::Laptop title=t.devices_none() text=t.devices_none_text() /> }.into_any()
    } else {
        let rows = devices
            .into_iter()
            .map(|device| {
                let latest = device.latest_session_at.map_or_else(|| t.none_yet().to_owned(), |at| t.moment(at, as_of));
                view! {
                    <tr role="row">
                        <th scope="row" role="rowheader" class="a">
                            <span class="dev"><Pic icon=device_icon(device.kind) /><bdi>{device.name}</bdi></span>
                        </th>
                        <td role="cell" class="c">{t.date(device.enrolled_at)}</td>
                        <td role="cell" class="num b">{latest}</td>
                    </tr>
                }
            })
            .collect_view();
        view! { <Table caption=t.devices_title() columns cards=true>{rows}</Table> }.into_any()
    };
    view! { <Card id="devices" title=t.devices_title() aside=t.devices(count)>{body}</Card> }
}
