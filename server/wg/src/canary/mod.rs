//! The leak canary: tests at intervals, on the running server, that no packet leaves the host from the tor lane.
//!
//! Each round does a handshake with the lane as a device does, sends crafted packets through the tunnel and checks
//! whether one of them was about to leave. The alarm is raised if one was, if the canary's own table was changed, or if
//! the canary did not see its own packets while the lane was up. The alarm closes the lane and reloads the policy. The
//! lane returns to its desired state after the rules were verified and a round was clean.

mod device;
mod packets;
mod table;

pub(crate) use device::CanaryDevice;
pub(crate) use table::CanaryTable;
#[cfg(feature = "fuzzing")]
pub(crate) use table::take_counts;

use crate::firewall::Check;
use crate::guard::now;
use crate::pace;
use crate::service::Service;
use crate::sysctl;
use std::io;
use std::time::Duration;
use table::Counts;
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{AlarmCause, TorLaneReason};
use tornado_shared::model::Lane;

/// Interval between two readings of the counters. Packets normally pass the host well within it.
const PASSAGE: Duration = Duration::from_millis(150);
/// Readings per round, for a busy host.
const LOOKS: u32 = 6;
/// Number of consecutive rounds without a result that raises the alarm.
const BLIND_ROUNDS: u32 = 3;
/// Pause after a round without a result.
const BLIND_PAUSE: Duration = Duration::from_millis(300);
/// Longest pause between rounds while an alarm keeps the lane closed.
const HELD_PAUSE: Duration = Duration::from_secs(2);

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
        (_, true) => interval.min(HELD_PAUSE),
        (_, false) => interval,
    }
}

impl Service {
    /// Runs rounds until `shutdown`, then removes the canary's table.
    pub(crate) async fn watch_canary(&self, mut table: CanaryTable, shutdown: &CancellationToken) {
        let pause = Duration::from_secs(self.factory.config().canary_interval.into());
        let (mut blind, mut until_next) = (0, Duration::ZERO);
        while pace::again(shutdown, &self.wake_canary, until_next).await {
            let round = self.round(&mut table).await;
            blind = if matches!(round, Round::Blind(_)) { blind + 1 } else { 0 };
            let held = self.judge(&mut table, round, blind).await;
            until_next = rest(pause, blind, held);
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
        let from = self.canary.addresses();
        let packets = packets::crafted(from, uuid::Uuid::new_v4().as_u128(), sysctl::has_ipv6());
        let sent = self.send(&packets).await;
        let wanted = u64::try_from(packets.len()).unwrap_or(u64::MAX);
        let mut counts = Counts::default();
        for _ in 0..LOOKS {
            tokio::time::sleep(PASSAGE).await;
            match table.counts().await {
                Ok(more) => counts = counts + more,
                Err(error) => return Round::Tampered(error.to_string()),
            }
            if counts.leaks > 0 {
                return Round::Leak(counts.leaks);
            }
            if counts.seen >= wanted || sent.is_err() {
                break;
            }
        }
        if let Err(error) = sent {
            return Round::Blind(error.to_string());
        }
        if counts.seen < wanted {
            return Round::Blind(format!("only {} of {wanted} packets were seen to enter the lane", counts.seen));
        }
        Round::Clean
    }

    /// Sends as a device of the lane. If the handshake times out, adds the canary to the lane again and retries once.
    async fn send(&self, packets: &[Vec<u8>]) -> io::Result<()> {
        match self.canary.send(packets).await {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let lanes = self.lanes().await;
                lanes.of(Lane::Tor).put_peers(&[self.canary.peer()]).await.map_err(io::Error::other)?;
                self.canary.send(packets).await
            }
            other => other,
        }
    }

    /// Acts on the result of a round. Returns true while an alarm keeps the lane closed.
    async fn judge(&self, table: &mut CanaryTable, round: Round, blind: u32) -> bool {
        match round {
            Round::Clean => self.all_clear().await,
            Round::Leak(packets) => {
                self.alarm(AlarmCause::Leak, &format!("{packets} packets were about to leave")).await;
                true
            }
            Round::Tampered(why) => {
                if let Err(error) = table.load().await {
                    tracing::error!(%error, "could not load the leak canary's table");
                }
                self.alarm(AlarmCause::Changed, &format!("the leak canary's own table: {why}")).await;
                true
            }
            Round::Blind(why) => {
                // While the interface is down no packet passes; `mend` already reports that.
                let is_up = self.lanes().await.of(Lane::Tor).alive().await.is_ok();
                if blind == BLIND_ROUNDS && is_up {
                    self.alarm(AlarmCause::Blind, &why).await;
                    return true;
                }
                if blind == 1 {
                    tracing::warn!(%why, "a round of the leak canary had no result");
                }
                let mut state = self.state.lock().await;
                state.canary.healthy = false;
                state.control.reason == TorLaneReason::LeakAlarm
            }
        }
    }

    async fn all_clear(&self) -> bool {
        let mut state = self.state.lock().await;
        state.canary.last_run = Some(now());
        let is_held = state.control.reason == TorLaneReason::LeakAlarm;
        match self.firewall.check().await {
            Check::Whole => {}
            Check::Changed | Check::NotLoaded | Check::Unknown(_) => {
                self.wake_firewall.notify_one();
                return is_held;
            }
        }
        state.canary.healthy = true;
        if !is_held {
            return false;
        }
        let asked = state.control.asked.clone();
        tracing::warn!(?asked, "the alarm ended: rules were verified and a round of the canary was clean");
        // If this fails, the lane is closed for another reason, and the requester has to request it again.
        drop(self.switch(&mut state, asked, TorLaneReason::Asked).await);
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
        assert_eq!(rest(interval, 0, true), HELD_PAUSE);
    }
}
