//! Findings about the log archive. Pure.

use super::facts::Facts;
use super::finding::Severity::{Note, Warning};
use super::finding::{Finding, found};
use crate::output::bytes;

/// A service's rotated files contain about 60 MB; what is older is lost.
const BEHIND: u64 = 20 << 20;
/// With less free space, the disk itself is reported.
const SHORT: u64 = 1 << 30;

pub(super) fn logs(facts: &Facts, to: &mut Vec<Finding>) {
    let Some(logs) = &facts.logs else { return };
    let status = &logs.status;
    if status.behind > BEHIND {
        let what = format!("{} of log lines are not in the archive yet", bytes(status.behind));
        let why = "service telemetry is slower than the lines arrive; lines are lost when their file is deleted";
        let cure = "find their source with `tornadod logs top --by target --since 10m`, and raise its level in [log]";
        to.push(found("telemetry_behind", Warning, what, why, cure));
    }
    if status.failed_writes > 0 && status.behind > 0 {
        let why = format!("{} attempts failed since telemetry started", status.failed_writes);
        let cure = "check the disk of [paths] state, and `tornadod logs query service:telemetry --level warn`";
        to.push(found("logs_unwritten", Warning, "log lines cannot be stored", why, cure));
    }
    let growth = logs.budget.saturating_sub(status.bytes);
    if let Some(free) = logs.free.filter(|free| (SHORT..growth).contains(free)) {
        let what = format!("the log archive may grow by {}, but the disk has {} left", bytes(growth), bytes(free));
        let why = "a full disk also stops logins and sessions";
        let cure = "reduce retention_megabytes in [telemetry], or free space";
        to.push(found("logs_budget", Warning, what, why, cure));
    }
    if status.missing > 0 || status.damaged_days > 0 {
        let what = format!("{} log lines are missing, {} days were damaged", status.missing, status.damaged_days);
        let why = "log files were removed or could not be written, or a file of the archive was damaged";
        to.push(found("logs_missing", Note, what, why, "see the gaps in `tornadod logs status`"));
    }
    if status.clock_jumps > 0 {
        let what = format!("the clock jumped {} times", status.clock_jumps);
        let why = "log lines are not in the order in which they were written, and sessions may end early or late";
        let cure = "let one program set the clock, slowly: `timedatectl set-ntp true`";
        to.push(found("clock_jumps", Warning, what, why, cure));
    }
}
