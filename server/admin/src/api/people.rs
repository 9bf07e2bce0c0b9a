//! Views of operators, accounts, devices and sessions.

use super::convert::bytes;
use tornado_admin_api::types::{
    ApiTokenView, CreatedApiToken, DayUsageView, DeviceView, HistoryView, Lane, LaneBytes, OperatorView,
    PasskeyChallenge, PasskeyView, QuotaView, Role, SessionEventView, SessionState, SessionView, SignInView, UsageView,
    UserView,
};
use tornado_contracts::auth::api_tokens::{self as contract, ApiToken};
use tornado_contracts::auth::operators::{self, Operator, OperatorRole};
use tornado_contracts::auth::passkeys;
use tornado_contracts::auth::users::{DeviceInfo, UserInfo};
use tornado_contracts::operator::sessions::DayUsage;
use tornado_contracts::session::{EventKind, HistoryRow, LiveSession, SessionEvent};
use tornado_shared::api::{self, OwnUsage};
use tornado_shared::model::{self, LaneAddresses};

pub const fn role(role: OperatorRole) -> Role {
    match role {
        OperatorRole::Viewer => Role::Viewer,
        OperatorRole::Operator => Role::Operator,
        OperatorRole::Owner => Role::Owner,
    }
}

pub const fn operator_role(role: Role) -> OperatorRole {
    match role {
        Role::Viewer => OperatorRole::Viewer,
        Role::Operator => OperatorRole::Operator,
        Role::Owner => OperatorRole::Owner,
    }
}

pub fn operator(operator: Operator) -> OperatorView {
    OperatorView {
        id: operator.id.0,
        name: operator.name.to_string(),
        role: role(operator.role),
        has_totp: operator.totp,
        created_at: operator.created_at,
    }
}

pub fn sign_in(view: operators::SignInView) -> SignInView {
    SignInView {
        id: view.id,
        operator: view.operator.to_string(),
        created_at: view.created_at,
        expires_at: view.expires_at,
        used_at: view.used_at,
        address: view.address,
        is_own: view.is_own,
    }
}

pub fn api_token(token: ApiToken) -> ApiTokenView {
    ApiTokenView {
        id: token.id,
        operator: token.operator.to_string(),
        name: token.name,
        scopes: token.scopes,
        created_at: token.created_at,
        expires_at: token.expires_at,
        used_at: token.used_at,
    }
}

pub fn created_api_token(created: contract::CreatedApiToken) -> CreatedApiToken {
    let contract::CreatedApiToken { token, view } = created;
    CreatedApiToken { token, id: view.id, scopes: view.scopes, expires_at: view.expires_at }
}

pub fn passkey(view: passkeys::PasskeyView) -> PasskeyView {
    PasskeyView { id: view.id, name: view.name, created_at: view.created_at, used_at: view.used_at }
}

pub fn challenge(challenge: passkeys::PasskeyChallenge) -> PasskeyChallenge {
    // `auth` writes valid JSON.
    PasskeyChallenge { id: challenge.id, options: serde_json::from_str(&challenge.options).unwrap_or_default() }
}

pub fn user(user: UserInfo) -> UserView {
    UserView {
        id: user.id.0,
        username: user.username.to_string(),
        email: user.email,
        is_active: user.is_active,
        max_devices: user.max_devices,
        month_quota: user.month_quota,
        download_rate: user.traffic_policy.download_rate,
        upload_rate: user.traffic_policy.upload_rate,
        peer_group: user.traffic_policy.peer_group,
        has_totp: user.totp,
        created_at: user.created_at,
        last_login_at: user.last_login_at,
    }
}

pub fn device(device: DeviceInfo) -> DeviceView {
    DeviceView {
        id: device.id.0,
        user_id: device.user_id.0,
        name: device.name.to_string(),
        logged_in: device.logged_in,
        created_at: device.created_at,
        last_login_at: device.last_login_at,
    }
}

pub fn session(session: LiveSession) -> SessionView {
    let addresses = |of: LaneAddresses| [of.v4.to_string(), of.v6.to_string()];
    SessionView {
        id: session.session_id.0,
        user_id: session.user_id.0,
        username: session.username.to_string(),
        device_id: session.device_id.0,
        public_key: session.public_key.to_string(),
        state: state(session.state),
        lane: session.lane.map(lane),
        endpoint: session.endpoint.map(|endpoint| endpoint.to_string()),
        direct_addresses: addresses(session.direct),
        tor_addresses: addresses(session.tor),
        started_at: session.started_at,
        last_heartbeat: session.last_heartbeat,
        handshake_age: session.handshake_age,
        direct: bytes(session.direct_transfer),
        tor: bytes(session.tor_transfer),
    }
}

pub fn session_event(event: SessionEvent) -> SessionEventView {
    let (kind, reason) = match event.kind {
        EventKind::Created => ("created", None),
        EventKind::Offline => ("offline", None),
        EventKind::Recovered => ("recovered", None),
        EventKind::Closed(reason) => ("closed", Some(reason.as_str().to_owned())),
        EventKind::Quota(_) => ("quota", None),
    };
    SessionEventView {
        at: event.at,
        kind: kind.to_owned(),
        reason,
        session_id: event.session_id.0,
        user_id: event.user_id.0,
        device_id: event.device_id.0,
    }
}

pub fn history(row: HistoryRow) -> HistoryView {
    HistoryView {
        id: row.session_id.0,
        user_id: row.user_id.0,
        username: row.username.to_string(),
        device_id: row.device_id.0,
        started_at: row.started_at,
        ended_at: row.ended_at,
        reason: row.reason.map(|reason| reason.as_str().to_owned()),
        direct: bytes(row.direct_transfer),
        tor: bytes(row.tor_transfer),
    }
}

pub fn day_usage(of: DayUsage) -> DayUsageView {
    DayUsageView { day: of.day, direct: bytes(of.usage.direct), tor: bytes(of.usage.tor) }
}

pub fn usage(usage: OwnUsage) -> UsageView {
    let lanes = |of: api::LaneBytes| LaneBytes { direct: bytes(of.direct), tor: bytes(of.tor) };
    let quota = |of: api::QuotaView| QuotaView { bytes: of.bytes, used: of.used, renews_at: of.renews_at };
    UsageView {
        sessions: usage.sessions,
        total: lanes(usage.total),
        today: lanes(usage.today),
        month: lanes(usage.month),
        quota: usage.quota.map(quota),
    }
}

const fn state(state: model::SessionState) -> SessionState {
    match state {
        model::SessionState::Connecting => SessionState::Connecting,
        model::SessionState::Online => SessionState::Online,
        model::SessionState::Offline => SessionState::Offline,
        model::SessionState::Closed => SessionState::Closed,
    }
}

const fn lane(lane: model::Lane) -> Lane {
    match lane {
        model::Lane::Direct => Lane::Direct,
        model::Lane::Tor => Lane::Tor,
    }
}

pub const fn session_state(state: SessionState) -> model::SessionState {
    match state {
        SessionState::Connecting => model::SessionState::Connecting,
        SessionState::Online => model::SessionState::Online,
        SessionState::Offline => model::SessionState::Offline,
        SessionState::Closed => model::SessionState::Closed,
    }
}

pub const fn session_lane(lane: Lane) -> model::Lane {
    match lane {
        Lane::Direct => model::Lane::Direct,
        Lane::Tor => model::Lane::Tor,
    }
}
