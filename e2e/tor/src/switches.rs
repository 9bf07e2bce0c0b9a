//! Consecutive switches of the tor lane: the outcome of the flows in each state, and the kernel's changes.

use crate::storm::{End, Flow};
use anyhow::{Context as _, Result, ensure};
use std::time::{Duration, Instant};
use tornado_e2e_harness::{Host, Process, patient, wait_for};

/// Time limit for a flow of a previous state to end, and for a flow that starts in a lane that is not open.
pub const AT_ONCE: Duration = Duration::from_secs(1);

/// A requested switch.
#[derive(Debug, Clone, Copy)]
pub struct Switch {
    /// When it was requested.
    pub asked: Instant,
    /// When the response reported it as done.
    pub done: Instant,
    /// Whether the lane is open after it.
    pub opens: bool,
}

/// Checks that every flow ended as it should.
///
/// # Panics
/// Panics if one did not.
pub fn judge(flows: &[Flow], switches: &[Switch]) {
    let (mut late, at_once) = (Duration::ZERO, patient(AT_ONCE));
    for flow in flows {
        assert!(!matches!(flow.end, End::Hung | End::Odd(_)), "{flow:?}");
        // A flow that started while the lane was opening may belong to the new state.
        let is_former = |switch: &&Switch| flow.began < if switch.opens { switch.asked } else { switch.done };
        if let Some(next) = switches.iter().find(|switch| is_former(switch)).filter(|next| flow.ended > next.done) {
            let took = flow.ended - next.done;
            late = late.max(took);
            assert!(took < at_once, "{took:?} after a switch that {}: {flow:?}", word(next.opens));
        }
        let shut = switches.windows(2).filter(|pair| !pair[0].opens);
        let mut within = shut.filter(|pair| pair[0].done < flow.began && flow.ended < pair[1].asked);
        if within.next().is_some() {
            assert!(!flow.carried, "carried by a lane that was not open: {flow:?}");
            assert!(flow.ended - flow.began < at_once, "in a lane that was not open: {flow:?}");
        }
    }
    println_late(late);
}

#[expect(clippy::print_stdout, reason = "the runner shows measurements")]
fn println_late(late: Duration) {
    println!("the last flow of a previous state ended {late:?} after the switch");
}

const fn word(opens: bool) -> &'static str {
    if opens { "opens" } else { "closes" }
}

/// Returns the median, the 99th percentile and the maximum.
///
/// # Errors
///
/// Fails if there are no values.
pub fn percentiles(mut times: Vec<Duration>) -> Result<[Duration; 3]> {
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied();
    Ok([at(50), at(99), times.last().copied()]
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .context("there are no values")?[..]
        .try_into()?)
}

/// Returns how long each switch took in the kernel, according to the log of `wg`.
#[must_use]
pub fn times_of(log: &str) -> Vec<Duration> {
    let figure = |line: &str| {
        let (_, rest) = line.split_once("took_us")?;
        let digits: String =
            rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        digits.parse().ok().map(Duration::from_micros)
    };
    log.lines().filter(|line| line.contains("switched the tor lane")).filter_map(figure).collect()
}

/// A monitor of nftables transactions in a host.
#[derive(Debug)]
pub struct Transactions(Process);

impl Transactions {
    /// Starts the monitor.
    ///
    /// # Errors
    ///
    /// Fails if nft does not start.
    pub fn watch(server: &Host) -> Result<Self> {
        let mut command = server.command("nft");
        command.arg("monitor");
        let process = server.spawn("nft-monitor", command)?;
        let watch = Self(process);
        // It does not report when it is ready, so the test makes a change and waits for its event.
        let mut attempt = 0;
        wait_for("nft to report a change", Duration::from_secs(10), || {
            attempt += 1;
            server.exec(&["nft", "add", "table", "inet", &format!("probe{attempt}")])?;
            server.exec(&["nft", "delete", "table", "inet", &format!("probe{attempt}")])?;
            Ok(watch.0.stdout()?.contains("probe").then_some(()))
        })?;
        Ok(watch)
    }

    /// Counts the transactions so far that changed the chain, each of which must empty and refill it.
    ///
    /// # Errors
    ///
    /// Fails if a transaction only emptied or only filled it.
    pub fn count(&self, chain: &str) -> Result<usize> {
        let text = self.0.stdout()?;
        // What follows the last end of a transaction is not complete yet.
        let (complete, _) = text.rsplit_once("# new generation").unwrap_or_default();
        let mut count = 0;
        for transaction in complete.split("# new generation") {
            let has = |verb: &str| transaction.lines().any(|line| line.starts_with(verb) && line.contains(chain));
            match (has("delete rule"), has("add rule")) {
                (true, true) => count += 1,
                (false, false) => {}
                halves => ensure!(false, "not a complete switch: {halves:?}: {transaction}"),
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_both_forms_of_the_log() {
        let log =
            "x switched the tor lane lane=Closed took_us=1500\n{\"message\":\"switched the tor lane\",\"took_us\":20}";
        assert_eq!(times_of(log), [Duration::from_micros(1500), Duration::from_micros(20)]);
    }

    #[test]
    fn percentiles_of_a_hundred() {
        let times = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentiles(times).unwrap(), [51, 100, 100].map(Duration::from_millis));
        assert!(percentiles(Vec::new()).is_err());
    }
}
