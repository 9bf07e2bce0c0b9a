//! Sessions: the live list. Filters, order and position are in the address.

pub mod detail;

use super::{address, known, measure, parameter, range_of};
use crate::acts::InviteLink;
use crate::frame::{Head, LiveSign, Loaded, With, read};
use crate::live::Feed;
use crate::model::Lane;
use crate::model::sessions::{Column as Shown, Query, Session, SessionState, Sessions};
use crate::source;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use std::time::Duration;
use tornado_ui::button::{Button, LinkButton, Size};
use tornado_ui::feedback::Empty;
use tornado_ui::field::{Search, Tick};
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::state::{Condition, LaneTag, State};
use tornado_ui::table::{Column, Filter, Filters, Order, Pager};
use tornado_ui::window::{Place, Window, WindowTable};
use tornado_ui::{Views as _, effect, view};

/// Word of a state in the address.
const fn state_word(state: SessionState) -> &'static str {
    match state {
        SessionState::Connecting => "connecting",
        SessionState::Online => "online",
        SessionState::Offline => "offline",
    }
}

/// The state of a session, as it is shown.
pub fn state(t: Texts, state: SessionState) -> (Condition, &'static str) {
    match state {
        SessionState::Connecting => (Condition::Pending, t.state_connecting()),
        SessionState::Online => (Condition::Good, t.state_online()),
        SessionState::Offline => (Condition::Absent, t.state_offline()),
    }
}

/// The query of the address.
pub fn query(
    text: Option<String>,
    state: Option<&str>,
    lane: Option<&str>,
    sort: Option<String>,
    offset: Option<&str>,
) -> Query {
    let states = [SessionState::Connecting, SessionState::Online, SessionState::Offline];
    Query {
        text,
        state: states.into_iter().find(|one| Some(state_word(*one)) == state),
        lane: [Lane::Direct, Lane::Tor].into_iter().find(|one| Some(one.word()) == lane),
        sort,
        offset: offset.and_then(|offset| offset.parse().ok()).unwrap_or(0),
    }
}

/// The address of a query.
pub fn address_of(query: &Query) -> String {
    let offset = (query.offset > 0).then(|| query.offset.to_string());
    let parameters = [
        ("text", query.text.as_deref()),
        ("state", query.state.map(state_word)),
        ("lane", query.lane.map(Lane::word)),
        ("sort", query.sort.as_deref()),
        ("offset", offset.as_deref()),
    ];
    address("/sessions", &parameters)
}

/// What of a long list is in view.
#[derive(Clone, Copy)]
pub struct Scroll {
    offset: RwSignal<Option<u64>>,
    place: Place,
}

/// Interval between two readings of the list.
const PERIOD: Duration = Duration::from_secs(2);

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let (text, state, lane) = (parameter("text"), parameter("state"), parameter("lane"));
    let (sort, offset) = (parameter("sort"), parameter("offset"));
    let wanted = Memo::new(move |_| {
        query(text.get(), state.get().as_deref(), lane.get().as_deref(), sort.get(), offset.get().as_deref())
    });
    // Where the window of rows begins, once the list was scrolled; another query begins at its address again.
    let scroll = Scroll { offset: RwSignal::new(None), place: Place::default() };
    effect(move || {
        wanted.track();
        scroll.offset.set(None);
        scroll.place.reset();
    });
    let shown = Memo::new(move |_| {
        let query = wanted.get();
        Query { offset: scroll.offset.get().unwrap_or(query.offset), ..query }
    });
    let sessions = read(move || shown.get(), source::sessions, &["session", "sessions"], Some(PERIOD));
    view! {
        <Head title=t.nav_sessions()>
            <LiveSign of=sessions as_of=|sessions| sessions.page.as_of />
            <With of=sessions view=|sessions: Sessions| view! { <Columns hidden=sessions.hidden /> } />
            <InviteLink />
        </Head>
        <Loaded of=sessions view=move |sessions| view! { <Content sessions query=wanted.get_untracked() scroll /> } />
    }
}

/// Head of a column that sorts: a second click turns the order.
pub fn sorted(column: Column, key: &str, current: Option<&str>, href: impl Fn(String) -> String) -> Column {
    let descending = format!("-{key}");
    let (order, next) = match current {
        Some(current) if current == key => (Some(Order::Ascending), descending),
        Some(current) if current == descending => (Some(Order::Descending), key.to_owned()),
        _ => (None, descending),
    };
    column.sorted_by(href(next), order)
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The rows.
    sessions: Sessions,
    /// What they are.
    query: Query,
    /// What of it is in view.
    scroll: Scroll,
) -> impl IntoView {
    let t = use_texts();
    let Sessions { page, numbers, hidden } = sessions;
    let is_live = expect_context::<Feed>().is_live;
    let start = Query { offset: 0, ..query.clone() };
    let by = |column, key| {
        let start = start.clone();
        sorted(column, key, start.sort.clone().as_deref(), move |sort| {
            address_of(&Query { sort: Some(sort), ..start.clone() })
        })
    };
    let mut columns = vec![Column::new(t.state(), "b"), by(Column::new(t.user(), "a"), "user")];
    for one in shown_of(&hidden) {
        let column = Column::new(column_word(t, one), column_class(one));
        let is_sorted = !matches!(one, Shown::Device | Shown::Lane | Shown::Endpoint);
        columns.push(if is_sorted { by(column, one.word()) } else { column });
    }
    let state_filter = start.state.map(|one| state(t, one).1.to_owned());
    let state_next = match start.state {
        Some(_) => None,
        None => Some(SessionState::Online),
    };
    let lane_next = match start.lane {
        Some(_) => None,
        None => Some(Lane::Tor),
    };
    let count = numbers.map_or_else(
        || t.sessions(page.rows.len() as u64),
        |(online, offline)| t.sessions_count(online + offline, offline, online),
    );
    let is_filtered = start.text.is_some() || start.state.is_some() || start.lane.is_some();
    let body = if page.rows.is_empty() {
        if is_filtered {
            view! {
                <Empty icon=Icon::Search title=t.sessions_none_match() text=t.none_match_text()>
                    <LinkButton href="/sessions">{t.remove_filters()}</LinkButton>
                </Empty>
            }
            .into_any()
        } else {
            view! {
                <Empty icon=Icon::Inbox title=t.sessions_none() text=t.sessions_none_text()>
                    <LinkButton href="/users?invite=1" icon=Icon::Plus>{t.invite()}</LinkButton>
                </Empty>
            }
            .into_any()
        }
    } else {
        let step = |offset: &Option<String>| {
            let offset = offset.as_ref()?.parse().unwrap_or(0);
            Some(address_of(&Query { offset, ..start.clone() }))
        };
        let window = Window {
            offset: page.offset.unwrap_or(0),
            rows: page.rows.len() as u64,
            total: page.matching.unwrap_or(page.rows.len() as u64),
        };
        let rows =
            page.rows.iter().map(|session| view! { <Row session=session.clone() hidden=hidden.clone() /> }).views();
        view! {
            <WindowTable
                caption=t.nav_sessions()
                columns
                window
                is_live
                place=scroll.place
                on_move=move |offset| scroll.offset.set(Some(offset))
            >
                {rows}
            </WindowTable>
            <Pager
                range=range_of(t, &page)
                before=(t.before().to_owned(), step(&page.before))
                next=(t.next().to_owned(), step(&page.next))
            />
        }
        .into_any()
    };
    view! {
        <Filters label=t.nav_sessions() count>
            <Search name="text" label=t.sessions_find() value=start.text.clone().unwrap_or_default() />
            <Filter
                href=address_of(&Query { state: state_next, ..start.clone() })
                name=t.state()
                value=state_filter
                remove=t.remove_filter()
            />
            <Filter
                href=address_of(&Query { lane: lane_next, ..start.clone() })
                name=t.lane()
                value=start.lane.map(|lane| lane.word().to_owned())
                remove=t.remove_filter()
            />
        </Filters>
        <section class="card" aria-label=t.nav_sessions()>{body}</section>
    }
}

/// A rate in megabits, one unit for the whole column.
fn megabits(t: Texts, rate: Option<f64>) -> AnyView {
    known(t, rate.map(|rate| (t.decimal(rate / 1e6, 1), "Mbit/s")))
}

#[component]
fn Row(session: Session, hidden: Vec<Shown>) -> impl IntoView {
    let t = use_texts();
    let (condition, word) = state(t, session.state);
    let href = format!("/sessions/{}", session.id);
    // A device handshakes every two minutes; three missed ones are a loss.
    let handshake = if session.handshake_s.is_some_and(|age| age > 360) { "t-warn" } else { "" };
    let cell = |column| {
        let content = match column {
            Shown::Device => {
                view! { <span class="dev"><Pic icon=Icon::Laptop /><bdi>{session.device.clone()}</bdi></span> }
                    .into_any()
            }
            Shown::Lane => match session.lane {
                Some(lane) => view! { <LaneTag lane /> }.into_any(),
                None => view! { <span class="dim">{t.none_yet()}</span> }.into_any(),
            },
            Shown::Down => megabits(t, session.down),
            Shown::Up => megabits(t, session.up),
            Shown::Transferred => measure(t.bytes(session.transferred)).into_any(),
            Shown::Handshake => view! { <span class=handshake>{t.age(session.handshake_s)}</span> }.into_any(),
            Shown::Age => t.span(session.age_s).into_any(),
            Shown::Endpoint => {
                let endpoint = session.endpoint.clone().unwrap_or_else(|| t.not_known().to_owned());
                view! { <bdi dir="ltr">{endpoint}</bdi> }.into_any()
            }
        };
        view! { <td role="cell" class=column_class(column)>{content}</td> }
    };
    let cells = shown_of(&hidden).map(cell).views();
    view! {
        <tr role="row">
            <td role="cell" class="b"><State condition word /></td>
            <th scope="row" role="rowheader" class="a">
                <a class="main-link" href=href><bdi>{session.user.clone()}</bdi></a>
            </th>
            {cells}
        </tr>
    }
}

/// The columns that are not hidden.
fn shown_of(hidden: &[Shown]) -> impl Iterator<Item = Shown> + use<'_> {
    Shown::ALL.into_iter().filter(|column| !hidden.contains(column))
}

fn column_word(t: Texts, column: Shown) -> &'static str {
    match column {
        Shown::Device => t.device(),
        Shown::Lane => t.lane(),
        Shown::Down => t.to_device(),
        Shown::Up => t.from_device(),
        Shown::Transferred => t.transferred(),
        Shown::Handshake => t.handshake(),
        Shown::Age => t.connected_for(),
        Shown::Endpoint => t.endpoint(),
    }
}

const fn column_class(column: Shown) -> &'static str {
    match column {
        Shown::Device => "c",
        Shown::Lane => "d",
        Shown::Down | Shown::Transferred | Shown::Handshake => "num",
        Shown::Up | Shown::Age => "num hide-m",
        Shown::Endpoint => "hide-m",
    }
}

/// The choice of columns: a form, which works without script.
#[component]
fn Columns(hidden: Vec<Shown>) -> impl IntoView {
    let t = use_texts();
    let ticks = Shown::ALL
        .map(|one| {
            view! {
                <li>
                    <Tick name=one.word() value="1" checked=!hidden.contains(&one)>{column_word(t, one)}</Tick>
                </li>
            }
        })
        .into_iter()
        .views();
    view! {
        <details class="pick">
            <summary class="btn">{t.columns()}</summary>
            <form class="stack-s" method="post" action="/sessions/columns">
                <ul>{ticks}</ul>
                <Button submit=true size=Size::Small>{t.apply()}</Button>
            </form>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_survives_its_address() {
        let all = query(Some("heron".into()), Some("online"), Some("tor"), Some("-age".into()), None);
        assert_eq!(address_of(&all), "/sessions?text=heron&state=online&lane=tor&sort=-age");
        assert_eq!(query(None, Some("nonsense"), Some("vpn"), None, None), Query::default());
    }

    #[test]
    fn a_second_click_turns_the_order() {
        let column = |current| sorted(Column::new("Age", ""), "age", current, |sort| sort);
        assert_eq!(column(None).sort.as_deref(), Some("-age"));
        assert_eq!(column(Some("-age")).sort.as_deref(), Some("age"));
        assert_eq!(column(Some("age")).order, Some(Order::Ascending));
    }
}
