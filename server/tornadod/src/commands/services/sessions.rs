//! `tornadod session`, `tornadod events`

use crate::cli::Session;
use crate::commands::args::Format;
use crate::commands::{Server, follow, show};
use crate::failure::{Failure, Outcome as _};
use crate::output::{ago, bytes, or_dash, say, span, table};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::users::{UserRef, Users as _, UsersClient};
use tornado_contracts::session::{
    CloseDevice, HistoryQuery, HistoryRow, LiveQuery, LiveSession, Sessions as _, SessionsClient, UsageQuery, UserUsage,
};
use tornado_rpc::NoInput;
use tornado_runtime::clock::unix_now;
use tornado_shared::model::{CloseReason, DeviceId, Transfer, UserId};

pub async fn run(server: &Server, command: Session) -> Result<(), Failure> {
    let sessions = SessionsClient::new(server.channel(ServiceName::Session));
    match command {
        Session::List(Format { json }) => list(&sessions, json).await,
        Session::History { json, limit, user } => history(server, &sessions, user, limit, json).await,
        Session::Disconnect { device_id } => close(&sessions, device_id).await,
    }
}

async fn list(sessions: &SessionsClient, json: bool) -> Result<(), Failure> {
    let live = sessions.live(LiveQuery::default()).await.or_cannot("list sessions")?;
    let now = unix_now();
    let line = |session: &LiveSession| {
        [
            session.username.to_string(),
            session.device_id.to_string(),
            format!("{:?}", session.state).to_lowercase(),
            or_dash(session.lane),
            session.latest_handshake.map_or_else(|| "never".into(), ago),
            session.direct.v4.to_string(),
            session.tor.v4.to_string(),
            span(now - session.started_at),
            transfer(session.direct_transfer),
            transfer(session.tor_transfer),
        ]
    };
    let heading =
        ["USER", "DEVICE", "STATE", "LANE", "HANDSHAKE", "DIRECT", "TOR", "SINCE", "DIRECT RX/TX", "TOR RX/TX"];
    show(json, &live, |live| table(heading, live.iter().map(line)))
}

async fn history(
    server: &Server,
    sessions: &SessionsClient,
    user: Option<String>,
    limit: u32,
    json: bool,
) -> Result<(), Failure> {
    let user_id = match user {
        Some(user) => {
            let users = UsersClient::new(server.channel(ServiceName::Auth));
            Some(users.show_user(Acting::root(UserRef { user })).await.or_cannot("find the account")?.id)
        }
        None => None,
    };
    let query = HistoryQuery { user_id, limit };
    let rows = sessions.history(query).await.or_cannot("read the history")?;
    let now = unix_now();
    let line = |row: &HistoryRow| {
        [
            row.username.to_string(),
            row.device_id.to_string(),
            ago(row.started_at),
            span(row.ended_at.unwrap_or(now) - row.started_at),
            or_dash(row.reason),
            transfer(row.direct_transfer),
            transfer(row.tor_transfer),
        ]
    };
    let heading = ["USER", "DEVICE", "STARTED", "DURATION", "REASON", "DIRECT RX/TX", "TOR RX/TX"];
    show(json, &rows, |rows| table(heading, rows.iter().map(line)))
}

async fn close(sessions: &SessionsClient, device_id: DeviceId) -> Result<(), Failure> {
    let input = CloseDevice { device_id, reason: CloseReason::Revoked };
    let closed = sessions.close_device(input).await.or_cannot("end the session")?;
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
    sessions.usage(UsageQuery { user_id }).await.or_cannot("read the usage")
}

/// Formats a usage.
pub fn usage_words(usage: &UserUsage) -> String {
    let (direct, tor) = (transfer(usage.direct_transfer), transfer(usage.tor_transfer));
    format!("{direct} direct, {tor} tor, in {} sessions", usage.sessions)
}

pub async fn events(server: &Server) -> Result<(), Failure> {
    let sessions = SessionsClient::new(server.channel(ServiceName::Session));
    follow(ServiceName::Session, sessions.events().await.or_cannot("follow events")?).await
}

fn transfer(transfer: Transfer) -> String {
    format!("{} / {}", bytes(transfer.rx_bytes), bytes(transfer.tx_bytes))
}
