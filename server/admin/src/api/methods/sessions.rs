//! Sessions.

use crate::api::parse::{page_size, parse_some};
use crate::api::signed::{Signed, answer, list};
use crate::api::{people, problem};
use tornado_admin_api::AdminResult;
use tornado_admin_api::types::*;
use tornado_contracts::operator::sessions::{CloseSession, HistoryPageQuery, LivePageQuery};
use tornado_shared::model::{DeviceId, SessionId, UserId};

pub async fn list_sessions(signed: &Signed, input: SessionsQuery) -> AdminResult<List<SessionView>> {
    let query = LivePageQuery {
        user_id: input.user_id.map(UserId),
        state: input.state.map(people::session_state),
        lane: input.lane.map(people::session_lane),
        search: input.search,
        after: parse_some("cursor", input.cursor.as_deref())?.map(SessionId),
        limit: page_size("limit", input.limit, 100, 1000)?,
    };
    let page = signed.services().operator_sessions.live_sessions(signed.acting(query)).await;
    let page = page.map_err(|error| problem(&error))?;
    let next = page.next.map(|last| last.to_string());
    Ok(List { next, ..list(page.sessions, people::session) })
}

pub async fn list_session_history(signed: &Signed, input: HistoryQuery) -> AdminResult<List<HistoryView>> {
    let limit = page_size("limit", input.limit, 50, 500)?;
    let before = parse_some("cursor", input.cursor.as_deref())?.map(SessionId);
    let query = HistoryPageQuery { user_id: input.user_id.map(UserId), before, limit };
    let rows = signed.services().operator_sessions.session_history(signed.acting(query)).await;
    let rows = rows.map_err(|error| problem(&error))?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
    let next = rows.last().filter(|_| is_full).map(|last| last.session_id.to_string());
    Ok(List { next, ..list(rows, people::history) })
}

pub async fn close_session(signed: &Signed, input: ByDevice) -> AdminResult<Closed> {
    let what = CloseSession { device_id: DeviceId(input.device_id) };
    let closed = signed.services().operator_sessions.close_session(signed.acting(what)).await;
    answer(closed, |closed| Closed { session_id: closed.session_id.map(|id| id.0) })
}
