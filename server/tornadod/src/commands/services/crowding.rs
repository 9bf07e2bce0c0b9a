//! Devices that exceed the limit of flows, in one line for `tornadod status`.

use crate::commands::Server;
use crate::output::span;
use tornado_contracts::ServiceName;
use tornado_contracts::session::{LiveQuery, LiveSession, Sessions as _, SessionsClient};
use tornado_contracts::wg::{OverFlowLimit, Wg as _, WgClient};
use tornado_rpc::NoInput;
use tornado_runtime::clock::unix_now;

/// The devices that service `wg` reports, with the names that `session` knows. `None` if `wg` does not respond.
pub async fn line(server: &Server) -> Option<String> {
    let crowding = WgClient::new(server.channel(ServiceName::Wg)).status(NoInput {}).await.ok()?.over_flow_limit;
    let live = if crowding.is_empty() {
        Vec::new()
    } else {
        // If `session` does not respond, keys are shown instead of names.
        SessionsClient::new(server.channel(ServiceName::Session)).live(LiveQuery::default()).await.unwrap_or_default()
    };
    Some(words(&crowding, &live, unix_now()))
}

fn words(crowding: &[OverFlowLimit], live: &[LiveSession], now: i64) -> String {
    if crowding.is_empty() {
        return "every device is within its limit".to_owned();
    }
    let one = |crowd: &OverFlowLimit| {
        let session = live.iter().find(|session| session.public_key == crowd.public_key);
        let who = match (session, crowd.account) {
            (Some(session), _) => format!("{} (device {})", session.username, session.device_id),
            (None, Some(account)) => format!("account {account} (key {})", crowd.public_key),
            (None, None) => format!("the device with key {}", crowd.public_key),
        };
        let ended = if crowd.ended == 0 { String::new() } else { format!(", {} flows ended", crowd.ended) };
        format!("{who} EXCEEDED its limit, last {} ago{ended}", span(now - crowd.last))
    };
    crowding.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_shared::model::{PrivateKey, UserId};

    #[test]
    fn the_account_is_named_also_without_its_session() {
        let account = UserId::random();
        let crowd = OverFlowLimit {
            public_key: PrivateKey::random().public_key(),
            account: Some(account),
            since: 10,
            last: 40,
            ended: 12,
        };
        let said = words(&[crowd], &[], 50);
        assert!(said.contains(&account.to_string()) && said.contains("12 flows ended"), "{said}");
        assert!(words(&[], &[], 50).contains("within"));
    }
}
