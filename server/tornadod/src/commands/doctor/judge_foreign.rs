//! Findings about other programs and people that use the server's names. Pure.

use super::facts::{Facts, OpenUser};
use super::finding::Severity::{Error, Warning};
use super::finding::{Finding, found};

pub(super) fn judge(facts: &Facts, to: &mut Vec<Finding>) {
    for table in &facts.foreign_tables {
        let what = format!("another program created the nftables table inet {table}");
        let why = "the server does not start, because it replaces and removes only its own tables";
        let cure = format!("run `nft delete table inet {table}` if no program needs it, or set another table in [wg]");
        to.push(found("table_foreign", Error, what, why, cure));
    }
    for OpenUser { name, uid, shell } in &facts.open_users {
        let (severity, what) = if *uid == 0 {
            (Error, format!("the Unix user {name} is root"))
        } else {
            (Warning, format!("the Unix user {name} can log in: its shell is {}", shell.display()))
        };
        let why =
            "a service runs as this user, so any person or program with the same user can read the service's keys";
        let cure = format!(
            "rename that account and run `systemd-sysusers`; if unused: usermod --shell /usr/sbin/nologin {name}"
        );
        to.push(found("user_foreign", severity, what, why, cure));
    }
}
