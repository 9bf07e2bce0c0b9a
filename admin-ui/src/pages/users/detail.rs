//! One user: usage, devices, current sessions, limits.

use super::invite::Invite;
use super::limits::Limits;
use super::state;
use crate::acts::{Ask, May, Question};
use crate::frame::{Head, Loaded, With, read};
use crate::model::act::{Act, UserChange};
use crate::model::sessions::Session;
use crate::model::users::{Device, PastSession, UserDetail, UserState};
use crate::pages::measure;
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use tornado_ui::button::{Button, Kind, LinkButton, Size};
use tornado_ui::feedback::Empty;
use tornado_ui::figures::{Card, Fact};
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::overlay::Consequence;
use tornado_ui::state::{Condition, LaneTag, State};
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, live, view};

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("name").unwrap_or_default()));
    let user = read(move || name.get(), source::user, &["session"], None);
    let limits = RwSignal::new(false);
    view! {
        {live(move || {
            view! {
                <Head title=name.get() crumb=("/users", t.nav_users())>
                    <With of=user view=|detail| view! { <Orders detail /> } />
                </Head>
            }
        }.into_any())}
        <Loaded
            of=user
            view=move |detail| {
                view! {
                    <Content detail=detail.clone() on_limits=Callback::new(move |()| limits.set(true)) />
                    <Limits open=limits detail />
                }
            }
        />
        {live(move || view! { <Invite user=name.get() path=format!("/users/{}", name.get()) /> }.into_any())}
    }
}

/// Buttons of the head.
#[component]
fn Orders(detail: UserDetail) -> impl IntoView {
    let t = use_texts();
    let user = detail.user.name.clone();
    let devices = detail.devices.len() as u64;
    // The number of sessions is not known while `session` does not respond.
    let sessions = detail.user.connected;
    let sessions = sessions.map(|count| Consequence { count: t.number(count), text: t.effect_sessions(count) });
    let with_sessions = move |effect| sessions.clone().into_iter().chain([effect]).collect::<Vec<_>>();
    let ends = with_sessions(Consequence { count: t.number(devices), text: t.effect_devices(devices) });
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
        effects: with_sessions(Consequence { count: t.number(devices), text: t.effect_removed(devices) }),
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
    // Children of components are closures: each gets its own value.
    let user = detail.user.clone();
    let email = user.email.clone().unwrap_or_else(|| t.none().to_owned());
    let peer_group = if detail.peer_group { t.yes() } else { t.no() };
    let (max_devices, has_second_factor) = (user.max_devices, user.has_second_factor);
    let (max_down, max_up) = (detail.max_down, detail.max_up);
    let quota = user.quota.map_or_else(|| t.not_limited().to_owned(), |bytes| t.joined(t.bytes(bytes)));
    let limit = move |bits: Option<f64>| bits.map_or_else(|| t.not_limited().to_owned(), |bits| t.joined(t.rate(bits)));
    view! {
        <div class="row row-wrap">
            <State condition word loud=true />
            <span class="dim small">{t.created(&t.date(detail.created_at))}</span>
        </div>
        <div class="cols-21">
            <div class="stack">
                <CurrentSessions sessions=detail.sessions.clone() />
                <Devices devices=detail.devices.clone() as_of=detail.as_of />
                <History history=detail.history.clone() as_of=detail.as_of />
            </div>
            <div class="stack">
            <Usage detail=detail.clone() />
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
                        <Fact name=t.quota_month()>{quota}</Fact>
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
        </div>
    }
}

/// What the user has transferred since it was created.
#[component]
fn Usage(detail: UserDetail) -> impl IntoView {
    let t = use_texts();
    let aside = detail.total_sessions.map(|count| t.sessions(count)).unwrap_or_default();
    view! {
        <Card id="usage" title=t.transferred() aside>
            <div class="card-body">
                <dl class="facts">
                    {detail
                        .by_lane
                        .into_iter()
                        .map(|(lane, down, up)| {
                            view! {
                                <dt><LaneTag lane /></dt>
                                <dd>{t.down_and_up(&t.joined(t.bytes(down)), &t.joined(t.bytes(up)))}</dd>
                            }
                        })
                        .views()}
                </dl>
            </div>
        </Card>
    }
}

#[component]
fn CurrentSessions(sessions: Vec<Session>) -> impl IntoView {
    let t = use_texts();
    if sessions.is_empty() {
        return None;
    }
    let columns = vec![
        Column::new(t.device(), "a"),
        Column::new(t.state(), "b"),
        Column::new(t.lane(), "c"),
        Column::new(t.transferred(), "num"),
        Column::new(t.connected_for(), "num d"),
    ];
    let rows = sessions
        .into_iter()
        .map(|session| {
            let (condition, word) = crate::pages::sessions::state(t, session.state);
            let href = format!("/sessions/{}", session.id);
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a">
                        <a class="main-link" href=href>
                            <span class="dev"><Pic icon=Icon::Laptop /><bdi>{session.device}</bdi></span>
                        </a>
                    </th>
                    <td role="cell" class="b"><State condition word /></td>
                    <td role="cell" class="c">{session.lane.map(|lane| view! { <LaneTag lane /> })}</td>
                    <td role="cell" class="num">{measure(t.bytes(session.transferred))}</td>
                    <td role="cell" class="num d">{t.span(session.age_s)}</td>
                </tr>
            }
        })
        .views();
    Some(view! {
        <Card id="sessions" title=t.nav_sessions()>
            <Table caption=t.nav_sessions() columns cards=true>{rows}</Table>
        </Card>
    })
}

#[component]
fn History(history: Vec<PastSession>, as_of: i64) -> impl IntoView {
    let t = use_texts();
    if history.is_empty() {
        return None;
    }
    let columns = vec![
        Column::new(t.started(), "a"),
        Column::new(t.device(), "c"),
        Column::new(t.lasted(), "num d"),
        Column::new("direct", "num"),
        Column::new("tor", "num"),
        Column::new(t.ended_by(), "b"),
    ];
    let rows = history
        .into_iter()
        .map(|past| {
            let lasted = past.ended_at.map(|end| t.span(u64::try_from(end - past.started_at).unwrap_or(0)));
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a">{t.moment(past.started_at, as_of)}</th>
                    <td role="cell" class="c"><bdi>{past.device}</bdi></td>
                    <td role="cell" class="num d">{lasted}</td>
                    <td role="cell" class="num">{measure(t.bytes(past.direct))}</td>
                    <td role="cell" class="num">{measure(t.bytes(past.tor))}</td>
                    <td role="cell" class="b"><bdi dir="ltr">{past.reason}</bdi></td>
                </tr>
            }
        })
        .views();
    Some(view! {
        <Card id="history" title=t.history()>
            <Table caption=t.history() columns cards=true tight=true>{rows}</Table>
        </Card>
    })
}

#[component]
fn Devices(devices: Vec<Device>, as_of: i64) -> impl IntoView {
    let t = use_texts();
    let count = devices.len() as u64;
    let columns = vec![
        Column::new(t.device(), "a"),
        Column::new(t.enrolled(), "c"),
        Column::new(t.login(), "b"),
        Column::new(t.latest_login(), "num d"),
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
                let latest = t.moment(device.latest_login, as_of);
                let (condition, word) = if device.is_logged_in {
                    (Condition::Good, t.logged_in())
                } else {
                    (Condition::Absent, t.logged_out())
                };
                view! {
                    <tr role="row">
                        <th scope="row" role="rowheader" class="a">
                            <span class="dev"><Pic icon=Icon::Laptop /><bdi>{device.name}</bdi></span>
                        </th>
                        <td role="cell" class="c">{t.date(device.enrolled_at)}</td>
                        <td role="cell" class="b"><State condition word /></td>
                        <td role="cell" class="num d">{latest}</td>
                        <td role="cell" class="col-act">
                            <Ask question=remove kind=Kind::Quiet size=Size::Small word=t.remove() />
                        </td>
                    </tr>
                }
            })
            .views();
        view! { <Table caption=t.devices_title() columns cards=true>{rows}</Table> }.into_any()
    };
    view! { <Card id="devices" title=t.devices_title() aside=t.devices(count)>{body}</Card> }
}
