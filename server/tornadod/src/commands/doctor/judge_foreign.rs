//! Findings about what other programs and people have under the server's names. Pure.

use super::Finding;
use super::Severity::{Error, Warning};
use super::facts::{Facts, OpenUser};
use super::judge::found;

pub(super) fn judge(facts: &Facts, to: &mut Vec<Finding>) {
    for table in &facts.foreign_tables {
        let what = format!("the nftables table inet {table} was made by another program");
        let why = "the server does not start: it replaces and removes only tables that it made";
        let cure = format!("`nft delete table inet {table}` if nothing needs it, or another name as table in [wg]");
        to.push(found("table_foreign", Error, what, why, cure));
    }
    for OpenUser { name, uid, shell } in &facts.open_users {
        let (severity, what) = if *uid == 0 {
            (Error, format!("the Unix user {name} is root"))
        } else {
            (Warning, format!("the Unix user {name} can log in: its shell is {}", shell.display()))
        };
        let why = "a service runs as this user: a person or program with the same user reads the keys of the service";
        let cure = format!(
            "rename that account and run `systemd-sysusers`; if it is not in use: usermod --shell /usr/sbin/nologin {name}"
        );
        to.push(found("user_foreign", severity, what, why, cure));
    }
}
