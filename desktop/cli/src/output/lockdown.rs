//! The lockdown policy as text.

use crate::lockdown::Answer;
use serde_json::json;
use std::io::Write as _;
use tornado_helper_api::{LockdownMode, LockdownPolicy, Status};
use tornado_shared::model::text::shown;

/// One line for the status.
pub(super) fn line(status: &Status) -> String {
    let LockdownPolicy { mode, lan, bridges } = status.lockdown_policy;
    let effect = match mode {
        LockdownMode::Off => "traffic is not protected while no tunnel is up",
        LockdownMode::Auto => "blocks traffic if the tunnel is lost or the helper crashes",
        LockdownMode::Always => "blocks traffic whenever no tunnel is up",
    };
    let state = if status.lockdown { "; active now" } else { "" };
    let local = match (lan, bridges) {
        (true, _) => "local networks are reachable",
        (false, true) => "of the local networks, only those of containers and virtual machines are reachable",
        (false, false) => "local networks are not reachable",
    };
    format!("{mode}: {effect}{state}; {local}")
}

/// Prints the result of `tornado lockdown`.
pub(crate) fn answer(answer: &Answer, json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match (answer, json) {
        (Answer::Status(status), true) => {
            let policy = &status.lockdown_policy;
            let found = json!({"policy": policy, "active": status.lockdown, "restored": status.restored,
                "reason": status.reason, "helper": true});
            writeln!(out, "{found}")
        }
        (Answer::Status(status), false) => writeln!(out, "Lockdown is {}.", shown(&line(status))),
        (Answer::Released, true) => {
            let policy = json!({"mode": LockdownMode::Off});
            writeln!(out, "{}", json!({"policy": policy, "active": false, "helper": false}))
        }
        (Answer::Released, false) => {
            writeln!(out, "The helper does not run. Its firewall was removed, and lockdown is off from now on.")
        }
    }
}
