//! The rounds of the canary and what follows from their results.

use super::device::CanaryDevice;
use super::packets;
use super::table::{CanaryTable, Counts};
use crate::firewall::Check;
use crate::guard::Alarm;
use crate::host::sysctl;
use crate::pace;
use crate::shared::Shared;
use crate::tor_lane::TorLaneSwitch;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{AlarmCause, TorLaneReason};
use tornado_runtime::clock::unix_now;
use tornado_shared::model::Lane;

/// Interval between two readings of the counters. Packets normally pass the host well within it.
const READING_INTERVAL: Duration = Duration::from_millis(150);
/// Readings per round, for a busy host.
const READINGS: u32 = 6;
/// Number of consecutive rounds without a result that raises the alarm.
const BLIND_ROUNDS: u32 = 3;
/// Pause after a round without a result.
const BLIND_PAUSE: Duration = Duration::from_millis(300);
/// Longest pause between rounds while an alarm keeps the lane closed.
const ALARM_PAUSE: Duration = Duration::from_secs(2);

/// Result of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Round {
    /// All packets were seen to enter, none was about to leave.
    Clean,
    /// The number of packets that were about to leave.
    Leak(u64),
    /// The canary's own table is missing or was changed.
    Tampered(String),
    /// The round has no result.
    Blind(String),
}

/// Pause until the next round. `blind` is the number of consecutive rounds without a result; `held` means that an alarm
/// keeps the lane closed.
fn rest(interval: Duration, blind: u32, held: bool) -> Duration {
    match (blind, held) {
        (1..BLIND_ROUNDS, _) => BLIND_PAUSE,
        (_, true) => interval.min(ALARM_PAUSE),
        (_, false) => interval,
    }
}

pub(crate) struct CanaryWatch {
    pub(crate) shared: Shared,
    pub(crate) device: Arc<CanaryDevice>,
    pub(crate) tor_lane: Arc<TorLaneSwitch>,
    pub(crate) alarm: Arc<Alarm>,
    /// Pause between two rounds.
    pub(crate) interval: Duration,
}

impl CanaryWatch {
    /// Runs rounds until `shutdown`, then removes the canary's table.
    pub(crate) async fn watch(self, mut table: CanaryTable, shutdown: CancellationToken) {
        let (mut blind, mut until_next) = (0, Duration::ZERO);
        while pace::again(&shutdown, &self.shared.wakes.canary, until_next).await {
            let round = self.round(&mut table).await;
            blind = if matches!(round, Round::Blind(_)) { blind + 1 } else { 0 };
            let held = self.act_on(&mut table, round, blind).await;
            until_next = rest(self.interval, blind, held);
        }
        if let Err(error) = table.remove().await {
            tracing::warn!(%error, "could not remove the canary's nftables table");
        }
    }

    async fn round(&self, table: &mut CanaryTable) -> Round {
        if !table.is_loaded()
            && let Err(error) = table.load().await
        {
            return Round::Blind(error.to_string());
        }
        // The counters are not read before the round, because packets counted between rounds are leaks, too.
        let from = self.device.addresses();
        let packets = packets::crafted(from, uuid::Uuid::new_v4().as_u128(), sysctl::has_ipv6());
        let sent = self.send(&packets).await;
        let expected = u64::try_from(packets.len()).unwrap_or(u64::MAX);
        let mut counts = Counts::default();
        for _ in 0..READINGS {
            tokio::time::sleep(READING_INTERVAL).await;
            match table.counts().await {
                Ok(more) => counts = counts + more,
                Err(error) => return Round::Tampered(error.to_string()),
            }
            if counts.leaks > 0 {
                return Round::Leak(counts.leaks);
            }
            if counts.seen >= expected || sent.is_err() {
                break;
            }
        }
        if let Err(error) = sent {
            return Round::Blind(error.to_string());
        }
        if counts.seen < expected {
            return Round::Blind(format!("only {} of {expected} packets were seen to enter the lane", counts.seen));
        }
        Round::Clean
    }

    /// Sends as a device of the lane. If the handshake times out, adds the canary to the lane again and retries once.
    async fn send(&self, packets: &[Vec<u8>]) -> io::Result<()> {
        match self.device.send(packets).await {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let interfaces = self.shared.status.interfaces().await;
                interfaces.of(Lane::Tor).put_peers(&[self.device.peer()]).await.map_err(io::Error::other)?;
                self.device.send(packets).await
            }
            other => other,
        }
    }

    /// Acts on the result of a round. Returns true while an alarm keeps the lane closed.
    async fn act_on(&self, table: &mut CanaryTable, round: Round, blind: u32) -> bool {
        match round {
            Round::Clean => self.all_clear().await,
            Round::Leak(packets) => {
                self.alarm.raise(AlarmCause::Leak, &format!("{packets} packets were about to leave")).await;
                true
            }
            Round::Tampered(why) => {
                if let Err(error) = table.load().await {
                    tracing::error!(%error, "could not load the leak canary's table");
                }
                self.alarm.raise(AlarmCause::Changed, &format!("the leak canary's own table: {why}")).await;
                true
            }
            Round::Blind(why) => {
                // While the interface is down no packet passes; `Reconciler` already reports that.
                let is_up = self.shared.status.interfaces().await.of(Lane::Tor).alive().await.is_ok();
                if blind == BLIND_ROUNDS && is_up {
                    self.alarm.raise(AlarmCause::Blind, &why).await;
                    return true;
                }
                if blind == 1 {
                    tracing::warn!(%why, "a round of the leak canary had no result");
                }
                let mut state = self.shared.status.lock().await;
                state.canary.healthy = false;
                state.tor_lane.is_held()
            }
        }
    }

    async fn all_clear(&self) -> bool {
        let mut state = self.shared.status.lock().await;
        state.canary.last_run = Some(unix_now());
        let is_held = state.tor_lane.is_held();
        match self.shared.firewall.check().await {
            Check::Unchanged => {}
            Check::Changed | Check::NotLoaded | Check::Unknown(_) => {
                self.shared.wakes.firewall.notify_one();
                return is_held;
            }
        }
        state.canary.healthy = true;
        if !is_held {
            return false;
        }
        let desired = state.tor_lane.desired().clone();
        tracing::warn!(?desired, "the alarm ended: rules were verified and a round of the canary was clean");
        // If this fails, the lane is closed for another reason, and the requester has to request it again.
        drop(self.tor_lane.switch(&mut state, desired, TorLaneReason::Requested).await);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::sync::Notify;
    use tornado_endurance::sixty_days;

    /// A canary without results, with and without an alarm. The work of a round is left out.
    #[tokio::test(start_paused = true)]
    async fn a_blind_canary_keeps_a_steady_pace_for_sixty_days() {
        for (held, per_hour) in [(false, 360), (true, 1_800)] {
            let (stop, wake, blind) = (CancellationToken::new(), Notify::new(), Cell::new(0));
            let rounds = async {
                let mut until_next = Duration::ZERO;
                while pace::again(&stop, &wake, until_next).await {
                    blind.set(blind.get() + 1);
                    until_next = rest(Duration::from_secs(10), blind.get(), held);
                }
            };
            sixty_days(per_hour, rounds).await;
        }
    }

    #[test]
    fn only_the_first_blind_rounds_are_repeated_soon() {
        let interval = Duration::from_secs(10);
        let rests: Vec<Duration> = (0..5).map(|blind| rest(interval, blind, false)).collect();
        assert_eq!(rests, [interval, BLIND_PAUSE, BLIND_PAUSE, interval, interval]);
        assert_eq!(rest(interval, 0, true), ALARM_PAUSE);
    }
}
