//! Sessions.

use crate::api::parse::page_size;
use crate::api::signed::{Signed, answer, list};
use crate::api::{people, problem};
use tornado_admin_api::AdminResult;
use tornado_admin_api::types::*;
use tornado_contracts::operator::sessions::CloseSession;
use tornado_contracts::session::{self, LiveQuery};
use tornado_shared::model::{DeviceId, UserId};

pub async fn list_sessions(signed: &Signed, input: SessionsQuery) -> AdminResult<List<SessionView>> {
    let limit = usize::try_from(page_size("limit", input.limit, 100, 1000)?).unwrap_or(usize::MAX);
    let query = LiveQuery { user_id: input.user_id.map(UserId) };
    let live = signed.services().operator_sessions.live_sessions(signed.acting(query)).await;
    let live = live.map_err(|error| problem(&error))?;
    let search = input.search.as_deref().map(str::to_lowercase).filter(|text| !text.is_empty());
    let mut items: Vec<_> = live
        .into_iter()
        .map(people::session)
        .filter(|session| input.state.is_none_or(|state| session.state == state))
        .filter(|session| input.lane.is_none_or(|lane| session.lane == Some(lane)))
        .filter(|session| search.as_ref().is_none_or(|text| people::contains(session, text)))
        .filter(|session| input.cursor.as_ref().is_none_or(|after| session.id.to_string() > *after))
        .collect();
    items.sort_unstable_by_key(|session| session.id);
    let next = (items.len() > limit).then(|| items.get(limit - 1).map(|last| last.id.to_string())).flatten();
    items.truncate(limit);
    Ok(List { items, next })
}

pub async fn list_session_history(signed: &Signed, input: HistoryQuery) -> AdminResult<List<HistoryView>> {
    let limit = page_size("limit", input.limit, 50, 500)?;
    let query = session::HistoryQuery { user_id: input.user_id.map(UserId), limit };
    let rows = signed.services().operator_sessions.session_history(signed.acting(query)).await;
    answer(rows, |rows| list(rows, people::history))
}

pub async fn close_session(signed: &Signed, input: ByDevice) -> AdminResult<Closed> {
    let what = CloseSession { device_id: DeviceId(input.device_id) };
    let closed = signed.services().operator_sessions.close_session(signed.acting(what)).await;
    answer(closed, |closed| Closed { session_id: closed.session_id.map(|id| id.0) })
}
