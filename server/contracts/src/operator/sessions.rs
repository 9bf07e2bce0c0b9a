//! Sessions, for operators. Served by `session`.

use super::OperatorError;
use crate::ServiceName;
use crate::auth::Acting;
use crate::session::{Closed, HistoryRow, LiveSession, SessionEvent};
use serde::{Deserialize, Serialize};
use tornado_shared::api::{LaneBytes, OwnUsage};
use tornado_shared::model::{DeviceId, Lane, SessionId, SessionState, UnixSeconds, UserId};

/// Input of [`OperatorSessions::live_sessions`]. Absent filters match all sessions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LivePageQuery {
    /// Only this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Only this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SessionState>,
    /// Only this lane of the latest activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// Only sessions whose account name, device, key, endpoint or address contains this text, in upper or lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Only sessions after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SessionId>,
    /// Maximum number of sessions, 1 to 1,000.
    pub limit: u32,
}

/// A page of live sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePage {
    /// The sessions in the order of their ids.
    pub sessions: Vec<LiveSession>,
    /// [`LivePageQuery::after`] of the next page; `None`: this is the last one.
    pub next: Option<SessionId>,
}

/// Input of [`OperatorSessions::session_history`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct HistoryPageQuery {
    /// Only this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Only sessions that began before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SessionId>,
    /// Maximum number of rows, newest first, 1 to 500.
    pub limit: u32,
}

/// Input of [`OperatorSessions::close_session`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct CloseSession {
    /// The device whose session closes.
    pub device_id: DeviceId,
}

/// Input of [`OperatorSessions::user_usage`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct UserUsageQuery {
    /// The account.
    pub user_id: UserId,
    /// Its monthly quota, bytes; `None`: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_quota: Option<u64>,
}

/// Input of [`OperatorSessions::user_days`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct UserDaysQuery {
    /// The account.
    pub user_id: UserId,
    /// Number of days including today, 1 to 366.
    pub days: u32,
}

/// Transfer of an account on one day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUsage {
    /// Start of the day.
    pub day: UnixSeconds,
    /// Bytes on each lane.
    pub usage: LaneBytes,
}

/// Input of [`OperatorSessions::next_events`].
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct EventsAfter {
    /// [`EventPage::next`] of the page before; absent: returns the current position at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// Changes of sessions. They contain ids only, no names and no addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    /// The events in order; empty if there were none within 20 seconds.
    pub events: Vec<SessionEvent>,
    /// Position of the next page.
    pub next: u64,
    /// False: events since the page before were lost.
    pub is_whole: bool,
}

tornado_rpc::contract! {
    /// Sessions, for operators.
    trait OperatorSessions, client OperatorSessionsClient, error OperatorError, callers ServiceName {
        /// Live sessions. Right `sessions.read`.
        live_sessions(Acting<LivePageQuery>) -> LivePage = POST "/v1/operator/sessions", within 15, up to 4_096, for [Admin];
        /// Past and live sessions. Right `sessions.read`.
        session_history(Acting<HistoryPageQuery>) -> Vec<HistoryRow> = POST "/v1/operator/history", within 15, up to 4_096, for [Admin];
        /// Transfer of an account in total, today and this month. Right `users.read`.
        user_usage(Acting<UserUsageQuery>) -> OwnUsage = POST "/v1/operator/usage", within 15, up to 4_096, for [Admin];
        /// Transfer of an account by day, the latest first. Days without transfer are left out, except today.
        /// Right `users.read`.
        user_days(Acting<UserDaysQuery>) -> Vec<DayUsage> = POST "/v1/operator/days", within 15, up to 4_096, for [Admin];
        /// Waits for changes of sessions. Right `sessions.read`.
        next_events(Acting<EventsAfter>) -> EventPage = POST "/v1/operator/events", within 30, up to 4_096, for [Admin];
        /// Closes a device's session in any state. Right `sessions.close`.
        close_session(Acting<CloseSession>) -> Closed = POST "/v1/operator/close", within 20, up to 4_096, for [Admin];
    }
}
