//! The state of the leak canary in one line, for `tornadod status` and `tornadod tor status`.

use crate::commands::Server;
use crate::output::span;
use tornado_contracts::ServiceName;
use tornado_contracts::wg::{AlarmCause, CanaryStatus, TorLaneReason, Wg as _, WgClient};
use tornado_rpc::NoInput;
use tornado_runtime::clock::unix_now;

/// The state that service `wg` reports. `None` if it does not respond.
pub async fn line(server: &Server) -> Option<String> {
    let status = WgClient::new(server.channel(ServiceName::Wg)).status(NoInput {}).await.ok()?;
    Some(words(&status.canary, status.tor_lane_reason, unix_now()))
}

fn words(canary: &CanaryStatus, reason: TorLaneReason, now: i64) -> String {
    let health = match (canary.last_run, canary.healthy) {
        (None, _) => "no round yet".to_owned(),
        (Some(at), true) => format!("healthy, last round {} ago", span(now - at)),
        (Some(at), false) => format!("UNHEALTHY since the round {} ago", span(now - at)),
    };
    let held = if reason == TorLaneReason::LeakAlarm { "; the alarm keeps the tor lane CLOSED" } else { "" };
    let Some(at) = canary.last_leak else { return format!("{health}{held}") };
    let cause = match canary.cause {
        Some(AlarmCause::Leak) => "packets were about to leak",
        Some(AlarmCause::Changed) => "firewall rules were changed",
        Some(AlarmCause::Blind) => "the canary observed nothing",
        None => "unknown cause",
    };
    let alarms = if canary.alarms == 1 { "1 alarm".to_owned() } else { format!("{} alarms", canary.alarms) };
    format!("{health}; {alarms}, the latest {} ago: {cause}{held}", span(now - at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_said_in_words() {
        let calm = CanaryStatus { last_run: Some(90), healthy: true, ..CanaryStatus::default() };
        assert_eq!(words(&CanaryStatus::default(), TorLaneReason::Start, 100), "no round yet");
        assert!(words(&calm, TorLaneReason::Requested, 100).starts_with("healthy"));
        let alarm =
            CanaryStatus { healthy: false, last_leak: Some(95), alarms: 2, cause: Some(AlarmCause::Blind), ..calm };
        let said = words(&alarm, TorLaneReason::LeakAlarm, 100);
        assert!(
            said.contains("2 alarms")
                && said.contains("observed nothing")
                && said.contains("keeps the tor lane CLOSED"),
            "{said}"
        );
    }
}
