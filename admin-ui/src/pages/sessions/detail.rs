//! One session: rate, addresses, handshake, bytes by lane, what happened.

use super::state;
use crate::acts::{Ask, Question};
use crate::frame::{Head, LiveSign, Loaded, With, read};
use crate::model::act::Act;
use crate::model::sessions::{Happening, Session, SessionDetail, What};
use crate::pages::measure;
use crate::source;
use crate::texts::{Texts, rfc3339, use_texts};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use std::time::Duration;
use tornado_ui::button::Kind;
use tornado_ui::chart::{Chart, Series};
use tornado_ui::figures::{Card, Fact, Happening as Shown, Timeline};
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::overlay::Consequence;
use tornado_ui::state::{Condition, LaneTag, State};
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, view};

/// Interval between two readings of the rates.
const PERIOD: Duration = Duration::from_secs(2);

/// The dialog that disconnects a device.
fn disconnect(t: Texts, session: &Session) -> Question {
    Question {
        title: t.disconnect_title(&session.device, &session.user),
        text: t.disconnect_text().to_owned(),
        effects: vec![Consequence { count: t.number(1), text: t.effect_device().to_owned() }],
        verb: t.disconnect().to_owned(),
        is_danger: true,
        act: Act::CloseSession { device_id: session.device_id.clone() },
        done: t.done_disconnected(&session.device),
    }
}

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let session = read(move || id.get(), source::session, &["session"], Some(PERIOD));
    view! {
        <Head title=t.session() crumb=("/sessions", t.nav_sessions())>
            <LiveSign of=session as_of=|detail| detail.as_of />
            <With of=session view=move |detail| {
                let question = disconnect(t, &detail.session);
                view! { <Ask question kind=Kind::Warns icon=Icon::Power word=t.disconnect() /> }
            } />
        </Head>
        <Loaded of=session view=move |detail| view! { <Content detail /> } />
    }
}

/// What happened, in words.
fn happening(t: Texts, one: Happening, as_of: i64) -> Shown {
    let (condition, text, detail) = match one.what {
        What::Began => (Condition::Good, t.happened_began(), String::new()),
        What::Offline => (Condition::Absent, t.happened_offline(), String::new()),
        What::Recovered => (Condition::Good, t.happened_recovered(), String::new()),
        What::Quota => (Condition::Held, t.happened_quota(), String::new()),
        What::Ended { reason, lasted_s, transferred } => {
            let detail = t.happened_detail(&t.joined(t.bytes(transferred)), &reason, &t.span(lasted_s));
            (Condition::Stopped, t.happened_ended(), detail)
        }
    };
    Shown { condition, text: text.to_owned(), time: t.moment(one.at, as_of), at: rfc3339(one.at), detail }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The session.
    detail: SessionDetail,
) -> impl IntoView {
    let t = use_texts();
    let SessionDetail {
        session,
        addresses,
        public_key,
        heartbeat_s,
        down_course,
        up_course,
        by_lane,
        happenings,
        as_of,
    } = detail;
    let happenings = happenings.into_iter().map(|one| happening(t, one, as_of)).collect();
    let (condition, word) = state(t, session.state);
    let rate = move |bits: f64| t.joined(t.rate(bits));
    let tone = session.lane.map_or("", |lane| lane.word());
    let series = vec![
        Series {
            name: t.to_device().to_owned(),
            now: session.down.map(rate).unwrap_or_default(),
            tone,
            is_filled: true,
            values: down_course,
        },
        Series {
            name: t.from_device().to_owned(),
            now: session.up.map(rate).unwrap_or_default(),
            tone: "up",
            is_filled: false,
            values: up_course,
        },
    ];
    let summary = series.iter().map(|one| format!("{}: {}", one.name, one.now)).collect::<Vec<_>>().join(", ");
    let user_href = format!("/users/{}", session.user);
    view! {
        <div class="row row-wrap">
            <State condition word loud=true />
            {session.lane.map(|lane| view! { <LaneTag lane /> })}
            <span class="dim small">{t.since(&t.span(session.age_s))}</span>
        </div>
        <div class="cols-21">
            <div class="stack">
                <Chart
                    title=t.rate_last_minute()
                    summary
                    series
                    scale=move |bits: f64| t.joined(t.rate(bits))
                    times=vec![t.span(60), t.span(30), t.now().to_owned()]
                />
                <Card id="transferred" title=t.transferred()>
                    <Table
                        caption=t.transferred()
                        columns=vec![
                            Column::new(t.lane(), ""),
                            Column::new(t.to_device(), "num"),
                            Column::new(t.from_device(), "num"),
                        ]
                        tight=true
                    >
                        {by_lane
                            .into_iter()
                            .map(|(lane, down, up)| {
                                view! {
                                    <tr role="row">
                                        <th scope="row" role="rowheader"><LaneTag lane /></th>
                                        <td role="cell" class="num">{measure(t.bytes(down))}</td>
                                        <td role="cell" class="num">{measure(t.bytes(up))}</td>
                                    </tr>
                                }
                            })
                            .views()}
                    </Table>
                </Card>
                <Card id="happenings" title=t.happenings()>
                    <div class="card-body"><Timeline happenings /></div>
                </Card>
            </div>
            <Card id="facts" title=t.session()>
                <div class="card-body">
                    <dl class="facts">
                        <Fact name=t.user()><a href=user_href><bdi>{session.user}</bdi></a></Fact>
                        <Fact name=t.device()>
                            <span class="dev"><Pic icon=Icon::Laptop /><bdi>{session.device}</bdi></span>
                        </Fact>
                        {addresses
                            .into_iter()
                            .map(|(lane, address)| {
                                view! {
                                    <dt><LaneTag lane /></dt>
                                    <dd><bdi dir="ltr">{address}</bdi></dd>
                                }
                            })
                            .views()}
                        <Fact name=t.key()><bdi dir="ltr" class="mono wrap">{public_key}</bdi></Fact>
                        <Fact name=t.endpoint()>
                            <bdi dir="ltr">{session.endpoint.unwrap_or_else(|| t.not_known().to_owned())}</bdi>
                        </Fact>
                        <Fact name=t.handshake()>{t.age(session.handshake_s)}</Fact>
                        <Fact name=t.heartbeat()>{t.age(heartbeat_s)}</Fact>
                        <Fact name=t.transferred()>{measure(t.bytes(session.transferred))}</Fact>
                    </dl>
                </div>
            </Card>
        </div>
    }
}
