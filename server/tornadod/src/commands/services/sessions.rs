//! `tornadod session`, `tornadod events`

use crate::commands::{Server, say_json};
use crate::failure::Failure;
use crate::output::{bytes, say, span, table};
use futures::StreamExt as _;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::users::{UserRef, Users as _, UsersClient};
use tornado_contracts::session::{
    CloseDevice, HistoryQuery, LiveQuery, Sessions as _, SessionsClient, UsageQuery, UserUsage,
};
use tornado_rpc::NoInput;
use tornado_runtime::clock::unix_now;
use tornado_shared::model::{CloseReason, DeviceId, Transfer, UserId};

pub async fn list(server: &Server, json: bool) -> Result<(), Failure> {
    let sessions = SessionsClient::new(server.channel(ServiceName::Session));
    let live = sessions.live(LiveQuery::default()).await.map_err(|e| Failure::of_call("list sessions", &e))?;
    if json {
        return say_json(&live);
    }
    let now = unix_now();
    let heading =
        ["USER", "DEVICE", "STATE", "LANE", "HANDSHAKE", "DIRECT", "TOR", "SINCE", "DIRECT RX/TX", "TOR RX/TX"];
    let heading = heading.map(String::from);
    let rows = live.iter().map(|session| {
        vec![
            session.username.to_string(),
            session.device_id.to_string(),
            format!("{:?}", session.state).to_lowercase(),
            session.lane.map_or_else(|| "-".into(), |lane| lane.to_string()),
            session.latest_handshake.map_or_else(|| "never".into(), |at| format!("{} ago", span(now - at))),
            session.direct.v4.to_string(),
            session.tor.v4.to_string(),
            span(now - session.started_at),
            transfer(session.direct_transfer),
            transfer(session.tor_transfer),
        ]
    });
    table(&std::iter::once(heading.to_vec()).chain(rows).collect::<Vec<_>>());
    Ok(())
}

pub async fn history(server: &Server, user: Option<String>, limit: u32, json: bool) -> Result<(), Failure> {
    let sessions = SessionsClient::new(server.channel(ServiceName::Session));
    let user_id = match user {
        Some(user) => {
            let users = UsersClient::new(server.channel(ServiceName::Auth));
            let shown = users.show_user(Acting::root(UserRef { user })).await;
            Some(shown.map_err(|e| Failure::of_call("find the account", &e))?.id)
        }
        None => None,
    };
    let query = HistoryQuery { user_id, limit };
    let rows = sessions.history(query).await.map_err(|e| Failure::of_call("read the history", &e))?;
    if json {
        return say_json(&rows);
    }
    let now = unix_now();
    let heading = ["USER", "DEVICE", "STARTED", "DURATION", "REASON", "DIRECT RX/TX", "TOR RX/TX"].map(String::from);
    let rows = rows.iter().map(|row| {
        vec![
            row.username.to_string(),
            row.device_id.to_string(),
            format!("{} ago", span(now - row.started_at)),
            span(row.ended_at.unwrap_or(now) - row.started_at),
            row.reason.map_or_else(|| "-".into(), |reason| reason.to_string()),
            transfer(row.direct_transfer),
            transfer(row.tor_transfer),
        ]
    });
    table(&std::iter::once(heading.to_vec()).chain(rows).collect::<Vec<_>>());
    Ok(())
}

pub async fn close(server: &Server, device_id: DeviceId) -> Result<(), Failure> {
    let sessions = SessionsClient::new(server.channel(ServiceName::Session));
    let input = CloseDevice { device_id, reason: CloseReason::Revoked };
    let closed = sessions.close_device(input).await.map_err(|e| Failure::of_call("end the session", &e))?;
    match closed.session_id {
        Some(id) => say(&format!("ended session {id}")),
        None => say("this device has no session; nothing was changed"),
    }
    Ok(())
}

/// The live sessions and the repairs in one line, for `tornadod status`. `None` if the service does not respond.
pub async fn line(server: &Server) -> Option<String> {
    let status = SessionsClient::new(server.channel(ServiceName::Session)).status(NoInput {}).await.ok()?;
    let repairs = match status.repairs.total() {
        0 => "no repairs".to_owned(),
        repairs => format!("{repairs} repairs"),
    };
    let since = span(unix_now() - status.since);
    Some(format!("{} online, {} offline; {repairs} since {since} ago", status.online, status.offline))
}

/// The usage of an account since it was created.
pub async fn usage(server: &Server, user_id: UserId) -> Result<UserUsage, Failure> {
    let sessions = SessionsClient::new(server.channel(ServiceName::Session));
    sessions.usage(UsageQuery { user_id }).await.map_err(|e| Failure::of_call("read the usage", &e))
}

/// Formats a usage.
pub fn usage_words(usage: &UserUsage) -> String {
    let (direct, tor) = (transfer(usage.direct_transfer), transfer(usage.tor_transfer));
    format!("{direct} direct, {tor} tor, in {} sessions", usage.sessions)
}

pub async fn events(server: &Server) -> Result<(), Failure> {
    let sessions = SessionsClient::new(server.channel(ServiceName::Session));
    let mut events = sessions.events().await.map_err(|e| Failure::of_call("follow events", &e))?;
    while let Some(event) = events.next().await {
        say(&serde_json::to_string(&event).map_err(|e| Failure::failed(format!("cannot print: {e}")))?);
    }
    Err(Failure::failed("the stream ended because service session ended; run the command again"))
}

fn transfer(transfer: Transfer) -> String {
    format!("{} / {}", bytes(transfer.rx_bytes), bytes(transfer.tx_bytes))
}
