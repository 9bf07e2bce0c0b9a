//! One user: usage, devices, current sessions, limits.

use super::invite::Invite;
use super::limits::Limits;
use super::sessions::device_icon;
use super::users::{Quota, state};
use crate::acts::{Ask, May, Question};
use crate::frame::{Head, Loaded, With, read};
use crate::model::act::{Act, UserChange};
use crate::model::users::{Device, UserDetail, UserState};
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use tornado_ui::button::{Button, Kind, LinkButton, Size};
use tornado_ui::chart::{Chart, Series, highest};
use tornado_ui::feedback::Empty;
use tornado_ui::figures::{Card, Fact};
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::overlay::Consequence;
use tornado_ui::state::State;
use tornado_ui::table::{Column, Table};

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("name").unwrap_or_default()));
    let user = read(move || name.get(), source::user, &["sessions"], None);
    let limits = RwSignal::new(false);
    view! {
        {move || {
            view! {
                <Head title=name.get()>
                    <With of=user view=|detail| view! { <Orders detail /> } />
                </Head>
            }
        }}
        <p class="crumbs"><a href="/users">{t.nav_users()}</a></p>
        <Loaded
            of=user
            view=move |detail| {
                view! {
                    <Content detail=detail.clone() on_limits=Callback::new(move |()| limits.set(true)) />
                    <Limits open=limits detail />
                }
            }
        />
        {move || view! { <Invite user=name.get() path=format!("/users/{}", name.get()) /> }}
    }
}

/// Buttons of the head.
#[component]
fn Orders(detail: UserDetail) -> impl IntoView {
    let t = use_texts();
    let user = detail.user.name.clone();
    let sessions = detail.sessions.len() as u64;
    let devices = detail.devices.len() as u64;
    let ends = vec![
        Consequence { count: t.number(sessions), text: t.effect_sessions(sessions) },
        Consequence { count: t.number(devices), text: t.effect_devices(devices) },
    ];
    let is_active = |is_active| Act::UpdateUser {
        user: user.clone(),
        change: UserChange { is_active: Some(is_active), ..UserChange::default() },
    };
    let state = if detail.user.state == UserState::Suspended {
        let question = Question {
            title: t.reactivate_title(&user),
            text: t.reactivate_text().to_owned(),
            effects: Vec::new(),
            verb: t.reactivate().to_owned(),
            is_danger: false,
            act: is_active(true),
            done: t.done_reactivated(&user),
        };
        view! { <Ask question icon=Icon::Check word=t.reactivate() /> }.into_any()
    } else {
        let question = Question {
            title: t.suspend_title(&user),
            text: t.suspend_text().to_owned(),
            effects: ends.clone(),
            verb: t.suspend().to_owned(),
            is_danger: true,
            act: is_active(false),
            done: t.done_suspended(&user),
        };
        view! { <Ask question kind=Kind::Warns icon=Icon::Ban word=t.suspend() /> }.into_any()
    };
    let revoke = Question {
        title: t.revoke_title(&user),
        text: t.revoke_text().to_owned(),
        effects: ends,
        verb: t.revoke().to_owned(),
        is_danger: true,
        act: Act::RevokeUser { user: user.clone() },
        done: t.done_revoked(&user),
    };
    let delete = Question {
        title: t.delete_title(&user),
        text: t.delete_text().to_owned(),
        effects: vec![
            Consequence { count: t.number(sessions), text: t.effect_sessions(sessions) },
            Consequence { count: t.number(devices), text: t.effect_removed(devices) },
        ],
        verb: t.delete().to_owned(),
        is_danger: true,
        act: Act::DeleteUser { user: user.clone() },
        done: t.done_deleted(&user),
    };
    let invite = format!("/users/{user}?invite=1");
    view! {
        {state}
        <Ask question=revoke word=t.revoke() />
        <Ask question=delete kind=Kind::Warns word=t.delete() />
        <May right="invitations.write">
            <LinkButton href=invite.clone() kind=Kind::Primary icon=Icon::Plus>{t.invite_device()}</LinkButton>
        </May>
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The user.
    detail: UserDetail,
    /// Opens the dialog of the limits.
    on_limits: Callback<()>,
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
    let peer_group = if detail.peer_group { t.yes() } else { t.no() };
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
            <section class="card" aria-labelledby="limits">
                <div class="card-head">
                    <h2 id="limits">{t.limits()}</h2>
                    <span class="push">
                        <May right="users.write">
                            <Button kind=Kind::Quiet size=Size::Small on:click=move |_| on_limits.run(())>
                                {t.change()}
                            </Button>
                        </May>
                    </span>
                </div>
                <div class="card-body">
                    <dl class="facts">
                        <Fact name=t.this_month()><Quota user /></Fact>
                        <Fact name=t.devices_at_once()>{t.number(max_devices)}</Fact>
                        <Fact name=t.to_device()>{limit(max_down)}</Fact>
                        <Fact name=t.from_device()>{limit(max_up)}</Fact>
                        <Fact name=t.peer_group()>{peer_group}</Fact>
                        <Fact name=t.second_factor()>
                            {if has_second_factor { t.set() } else { t.not_set() }}
                        </Fact>
                        <Fact name=t.email()>
                            <bdi dir="ltr">{email}</bdi>
                        </Fact>
                    </dl>
                </div>
            </section>
        </div>
    }
}

#[component]
fn Devices(devices: Vec<Device>, as_of: i64) -> impl IntoView {
    let t = use_texts();
    let count = devices.len() as u64;
    let columns = vec![
        Column::new(t.device(), "a"),
        Column::new(t.enrolled(), "c"),
        Column::new(t.latest_session(), "num b"),
        Column::hidden(t.action(), "col-act"),
    ];
    let body = if devices.is_empty() {
        view! { <Empty icon=Icon::Laptop title=t.devices_none() text=t.devices_none_text() /> }.into_any()
    } else {
        let rows = devices
            .into_iter()
            .map(|device| {
                let remove = Question {
                    title: t.remove_device_title(&device.name),
                    text: t.remove_device_text().to_owned(),
                    effects: Vec::new(),
                    verb: t.remove().to_owned(),
                    is_danger: true,
                    act: Act::RemoveDevice { device_id: device.id.clone() },
                    done: t.done_device_removed(&device.name),
                };
                let latest = device.latest_session_at.map_or_else(|| t.none_yet().to_owned(), |at| t.moment(at, as_of));
                view! {
                    <tr role="row">
                        <th scope="row" role="rowheader" class="a">
                            <span class="dev"><Pic icon=device_icon(device.kind) /><bdi>{device.name}</bdi></span>
                        </th>
                        <td role="cell" class="c">{t.date(device.enrolled_at)}</td>
                        <td role="cell" class="num b">{latest}</td>
                        <td role="cell" class="col-act">
                            <Ask question=remove kind=Kind::Quiet size=Size::Small word=t.remove() />
                        </td>
                    </tr>
                }
            })
            .collect_view();
        view! { <Table caption=t.devices_title() columns cards=true>{rows}</Table> }.into_any()
    };
    view! { <Card id="devices" title=t.devices_title() aside=t.devices(count)>{body}</Card> }
}
