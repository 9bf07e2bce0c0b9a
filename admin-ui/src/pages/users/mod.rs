//! Users: the list.

pub mod detail;
pub mod invite;
mod limits;

use super::{address, measure, parameter, range_of};
use crate::acts::{InviteLink, May};
use crate::frame::{Head, Loaded, read};
use crate::model::users::{Query, User, UserState, Users};
use crate::source;
use crate::texts::{Texts, use_texts};
use invite::{Invite, NewUser};
use leptos::prelude::*;
use tornado_ui::button::{Button, LinkButton};
use tornado_ui::feedback::Empty;
use tornado_ui::field::Search;
use tornado_ui::icon::Icon;
use tornado_ui::state::{Condition, State};
use tornado_ui::table::{Column, Filter, Filters, Pager, Table};
use tornado_ui::{Views as _, view};

const fn state_word(state: UserState) -> &'static str {
    match state {
        UserState::Active => "active",
        UserState::Suspended => "suspended",
    }
}

/// The state of a user, as it is shown.
pub fn state(t: Texts, state: UserState) -> (Condition, &'static str) {
    match state {
        UserState::Active => (Condition::Good, t.user_active()),
        UserState::Suspended => (Condition::Held, t.user_suspended()),
    }
}

/// The address of a query.
pub fn address_of(query: &Query) -> String {
    let parameters =
        [("text", query.text.as_deref()), ("state", query.state.map(state_word)), ("cursor", query.cursor.as_deref())];
    address("/users", &parameters)
}

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let (text, state, cursor) = (parameter("text"), parameter("state"), parameter("cursor"));
    let wanted = Memo::new(move |_| {
        let states = [UserState::Active, UserState::Suspended];
        let state = state.get();
        Query {
            text: text.get(),
            state: states.into_iter().find(|one| Some(state_word(*one)) == state.as_deref()),
            cursor: cursor.get(),
        }
    });
    let users = read(move || wanted.get(), source::users, &[], None);
    let new_user = RwSignal::new(false);
    view! {
        <Head title=t.nav_users()>
            <May right="users.write">
                <Button on:click=move |_| new_user.set(true)>{t.new_user()}</Button>
            </May>
            <InviteLink />
        </Head>
        <Loaded of=users view=move |users| view! { <Content users query=wanted.get_untracked() /> } />
        <Invite path="/users" />
        <NewUser open=new_user />
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The rows.
    users: Users,
    /// What they are.
    query: Query,
) -> impl IntoView {
    let t = use_texts();
    let Users { page } = users;
    let start = Query { cursor: None, ..query };
    let columns = vec![
        Column::new(t.user(), "a"),
        Column::new(t.email(), "hide-m"),
        Column::new(t.state(), "b"),
        Column::new(t.connected(), "num"),
        Column::new(t.quota_month(), "num d"),
        Column::new(t.second_factor(), "hide-m"),
        Column::new(t.latest_login(), "num c"),
    ];
    let next = match start.state {
        Some(_) => None,
        None => Some(UserState::Suspended),
    };
    let count = t.users(page.rows.len() as u64);
    let is_filtered = start.text.is_some() || start.state.is_some();
    let body = if page.rows.is_empty() && is_filtered {
        view! {
            <Empty icon=Icon::Search title=t.users_none_match() text=t.none_match_text()>
                <LinkButton href="/users">{t.remove_filters()}</LinkButton>
            </Empty>
        }
        .into_any()
    } else if page.rows.is_empty() {
        view! {
            <Empty icon=Icon::Users title=t.users_none() text=t.users_none_text()>
                <LinkButton href="/users?invite=1" icon=Icon::Plus>{t.invite()}</LinkButton>
            </Empty>
        }
        .into_any()
    } else {
        let step = |cursor: &Option<String>| {
            cursor.clone().map(|cursor| address_of(&Query { cursor: Some(cursor), ..start.clone() }))
        };
        let rows = page.rows.iter().map(|user| view! { <Row user=user.clone() as_of=page.as_of /> }).views();
        view! {
            <Table caption=t.nav_users() columns cards=true>{rows}</Table>
            <Pager
                range=range_of(t, &page)
                before=(t.before().to_owned(), step(&page.before))
                next=(t.next().to_owned(), step(&page.next))
            />
        }
        .into_any()
    };
    view! {
        <Filters label=t.nav_users() count>
            <Search name="text" label=t.users_find() value=start.text.clone().unwrap_or_default() />
            <Filter
                href=address_of(&Query { state: next, ..start.clone() })
                name=t.state()
                value=start.state.map(|one| state(t, one).1.to_owned())
                remove=t.remove_filter()
            />
        </Filters>
        <section class="card" aria-label=t.nav_users()>{body}</section>
    }
}

#[component]
fn Row(user: User, as_of: i64) -> impl IntoView {
    let t = use_texts();
    let (condition, word) = state(t, user.state);
    let href = format!("/users/{}", user.name);
    let login = user.latest_login.map_or_else(|| t.none_yet().to_owned(), |at| t.moment(at, as_of));
    let quota = match user.quota {
        Some(quota) => measure(t.bytes(quota)).into_any(),
        None => view! { <span class="dim">{t.not_limited()}</span> }.into_any(),
    };
    let factor = if user.has_second_factor { t.set() } else { t.not_set() };
    view! {
        <tr role="row">
            <th scope="row" role="rowheader" class="a">
                <a class="main-link" href=href><bdi>{user.name.clone()}</bdi></a>
            </th>
            <td role="cell" class="hide-m soft">
                <bdi dir="ltr">{user.email.clone().unwrap_or_else(|| t.none().to_owned())}</bdi>
            </td>
            <td role="cell" class="b"><State condition word /></td>
            <td role="cell" class="num">
                {user.connected.map(|connected| t.number(connected)).unwrap_or_else(|| t.not_known().to_owned())}
                <span class="unit">{t.of_max(user.max_devices)}</span>
            </td>
            <td role="cell" class="num d">{quota}</td>
            <td role="cell" class="hide-m">{factor}</td>
            <td role="cell" class="num c">{login}</td>
        </tr>
    }
}
