//! One session: rate, addresses, handshake, bytes by lane, what happened.

use super::measure;
use super::overview::happenings;
use super::sessions::{device_icon, state};
use crate::frame::{Head, Loaded};
use crate::model::sessions::SessionDetail;
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use tornado_ui::chart::{Chart, Series};
use tornado_ui::figures::{Card, Fact, Timeline};
use tornado_ui::icon::Pic;
use tornado_ui::state::{LaneTag, State};

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let session = Resource::new(move || id.get(), source::session);
    view! {
        <Head title=t.session() />
        <p class="crumbs"><a href="/sessions">{t.nav_sessions()}</a></p>
        <Loaded of=session view=move |detail| view! { <Content detail /> } />
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The session.
    detail: SessionDetail,
) -> impl IntoView {
    let t = use_texts();
    let SessionDetail { session, address, heartbeat_s, down_course, up_course, by_lane, events, as_of } = detail;
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
            {session.lane.map(|lane| view! { <LaneTag lane country=session.country.clone() /> })}
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
                <Card id="events" title=t.latest()>
                    <div class="card-body"><Timeline happenings=happenings(t, events, as_of) /></div>
                </Card>
            </div>
            <Card id="facts" title=t.session()>
                <div class="card-body">
                    <dl class="facts">
                        <Fact name=t.user()><a href=user_href><bdi>{session.user}</bdi></a></Fact>
                        <Fact name=t.device()>
                            <span class="dev"><Pic icon=device_icon(session.kind) /><bdi>{session.device}</bdi></span>
                        </Fact>
                        <Fact name=t.address()><bdi dir="ltr">{address}</bdi></Fact>
                        <Fact name=t.endpoint()>
                            <bdi dir="ltr">{session.endpoint.unwrap_or_else(|| t.not_known().to_owned())}</bdi>
                        </Fact>
                        <Fact name=t.handshake()>{t.age(session.handshake_s)}</Fact>
                        <Fact name=t.heartbeat()>{t.age(heartbeat_s)}</Fact>
                        <Fact name=t.transferred()>{measure(t.bytes(session.transferred))}</Fact>
                        {by_lane
                            .into_iter()
                            .map(|(lane, down, up)| {
                                view! {
                                    <dt><LaneTag lane /></dt>
                                    <dd>
                                        {t.down_and_up(&t.joined(t.bytes(down)), &t.joined(t.bytes(up)))}
                                    </dd>
                                }
                            })
                            .collect_view()}
                    </dl>
                </div>
            </Card>
        </div>
    }
}
