//! Sessions, for operators. Served by `session`.

use super::OperatorError;
use crate::ServiceName;
use crate::auth::Acting;
use crate::session::{Closed, HistoryQuery, HistoryRow, LiveQuery, LiveSession, UsageQuery, UserUsage};
use serde::{Deserialize, Serialize};
use tornado_shared::model::DeviceId;

/// Input of [`OperatorSessions::close_session`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct CloseSession {
    /// The device whose session closes.
    pub device_id: DeviceId,
}

tornado_rpc::contract! {
    /// Sessions, for operators.
    trait OperatorSessions, client OperatorSessionsClient, error OperatorError, callers ServiceName {
        /// Live sessions. Right `sessions.read`.
        live_sessions(Acting<LiveQuery>) -> Vec<LiveSession> = POST "/v1/operator/sessions", within 15, up to 4_096, for [Admin];
        /// Past and live sessions. Right `sessions.read`.
        session_history(Acting<HistoryQuery>) -> Vec<HistoryRow> = POST "/v1/operator/history", within 15, up to 4_096, for [Admin];
        /// Transfer of an account since its creation. Right `users.read`.
        user_usage(Acting<UsageQuery>) -> UserUsage = POST "/v1/operator/usage", within 15, up to 4_096, for [Admin];
        /// Closes a device's session in any state. Right `sessions.close`.
        close_session(Acting<CloseSession>) -> Closed = POST "/v1/operator/close", within 20, up to 4_096, for [Admin];
    }
}
