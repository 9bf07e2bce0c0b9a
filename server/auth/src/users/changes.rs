//! Audit rows of changes to an account.

use super::fields::subject;
use crate::actor::Actor;
use crate::trail::Trail;
use tornado_store::identity::{NewAudit, User, UserChange};

/// Audit rows of a change by an operator.
pub fn rows(trail: &Trail, actor: &Actor, user: &User, change: &UserChange) -> Vec<NewAudit> {
    let row = |action, details: &[(&str, String)]| trail.detailed(actor, action, subject(user.id), details);
    let mut rows = Vec::new();
    match change.active {
        Some(false) => rows.push(row("user.suspend", &[])),
        Some(true) => rows.push(row("user.reactivate", &[])),
        None => {}
    }
    if change.password_hash.is_some() {
        rows.push(row("user.password", &[]));
    }
    if let Some(name) = &change.username {
        rows.push(row("user.rename", &[("from", user.username.to_string()), ("to", name.to_string())]));
    }
    if change.email.is_some() {
        rows.push(row("user.email", &[]));
    }
    if let Some(max) = change.max_devices {
        rows.push(row("user.max_devices", &[("from", user.max_devices.to_string()), ("to", max.to_string())]));
    }
    let word = |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
    for (action, new, old) in [
        ("user.month_quota", change.month_quota, user.month_quota),
        ("user.download_rate", change.download_rate, user.download_rate),
        ("user.upload_rate", change.upload_rate, user.upload_rate),
    ] {
        if let Some(new) = new {
            rows.push(row(action, &[("from", word(old)), ("to", word(new))]));
        }
    }
    if let Some(together) = change.together {
        rows.push(row("user.peer_group", &[("from", user.together.to_string()), ("to", together.to_string())]));
    }
    if change.forget_totp {
        rows.push(row("user.totp_off", &[]));
    }
    rows
}
