//! Usage, sessions and devices as text. The server counts from its side: its received bytes are the bytes that devices
//! sent.

use std::fmt::Write as _;
use time::UtcDateTime;
use tornado_helper_api::Devices;
use tornado_shared::api::{LaneBytes, OwnDevice, OwnSession, OwnSessions, OwnUsage};
use tornado_shared::format::{bytes, span, table};
use tornado_shared::model::Transfer;

/// All usage counters as a table.
pub(crate) fn usage(usage: &OwnUsage, now: i64) -> String {
    let mut rows = vec![["", "direct lane", "tor lane"].map(str::to_owned).to_vec()];
    for (name, part) in [("today", usage.today), ("this month", usage.month), ("total", usage.total)] {
        rows.push(vec![name.into(), both_ways(part.direct), both_ways(part.tor)]);
    }
    let mut text = table(&rows);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Received / sent by all devices of this account; days and months in UTC.");
    match &usage.quota {
        None => text.push_str("No quota.\n"),
        Some(quota) => {
            let renews = span(quota.renews_at.saturating_sub(now));
            let (used, all, left) = (bytes(quota.used), bytes(quota.bytes), bytes(quota.left));
            let percent = quota.percent();
            let _ =
                writeln!(text, "Quota: {used} of {all} used ({percent} %), {left} left; the quota resets in {renews}.");
        }
    }
    if let Some(warning) = warning(usage, now) {
        let _ = writeln!(text, "WARNING: {warning}");
    }
    text
}

/// The usage in one line.
pub(super) fn line(usage: &OwnUsage) -> String {
    let quota = usage.quota.map_or_else(String::new, |quota| format!(", {} % of the quota used", quota.percent()));
    format!("{} today, {} this month{quota}", sum(&usage.today), sum(&usage.month))
}

/// A warning when the quota is nearly used up.
pub(super) fn warning(usage: &OwnUsage, now: i64) -> Option<String> {
    let quota = usage.quota.filter(|quota| quota.is_nearly_used())?;
    let renews = span(quota.renews_at.saturating_sub(now));
    let all = bytes(quota.bytes);
    Some(if quota.left == 0 {
        format!("this month's quota of {all} is used up; the server forwards no traffic for {renews}")
    } else {
        format!(
            "{} of the quota of {all} are left for {renews}; the server closes the tunnel when it is used up",
            bytes(quota.left)
        )
    })
}

/// One line per session.
pub(crate) fn sessions(page: &OwnSessions) -> String {
    if page.sessions.is_empty() {
        return "No sessions.\n".into();
    }
    let row = |session: &OwnSession| {
        let end = match (session.ended_at, session.reason) {
            (None, _) => "connected".into(),
            (Some(at), reason) => {
                let why = reason.map_or_else(String::new, |reason| format!(", {reason}"));
                format!("for {}{why}", span(at.saturating_sub(session.started_at)))
            }
        };
        let moved = LaneBytes { direct: session.direct, tor: session.tor };
        vec![moment(session.started_at), format!("device {}", session.device_id), sum(&moved), end]
    };
    let mut text = table(&page.sessions.iter().map(row).collect::<Vec<_>>());
    if let Some(next) = page.next {
        let _ = writeln!(text, "More: tornado sessions --before {next}");
    }
    text
}

/// One line per device.
pub(crate) fn devices(devices: &Devices) -> String {
    if devices.devices.is_empty() {
        return "No devices.\n".into();
    }
    let row = |device: &OwnDevice| {
        let login = if device.logged_in { "logged in" } else { "logged out" };
        let own = if device.id == devices.own { "(this device)" } else { "" };
        let since = format!("since {}", moment(device.last_login_at));
        vec![device.id.to_string(), login.into(), since, device.name.to_string(), own.into()]
    };
    table(&devices.devices.iter().map(row).collect::<Vec<_>>())
}

fn both_ways(transfer: Transfer) -> String {
    format!("{} / {}", bytes(transfer.tx_bytes), bytes(transfer.rx_bytes))
}

fn sum(part: &LaneBytes) -> String {
    bytes(part.sum())
}

/// A time in UTC, to the minute. A time outside the range of the calendar is shown as a Unix timestamp.
fn moment(at: i64) -> String {
    let Ok(utc) = UtcDateTime::from_unix_timestamp(at) else { return format!("Unix time {at}") };
    let (date, month) = (utc.date(), u8::from(utc.month()));
    format!("{:04}-{month:02}-{:02} {:02}:{:02} UTC", date.year(), date.day(), utc.hour(), utc.minute())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_shared::api::QuotaView;

    fn of(used: u64) -> OwnUsage {
        let part = |n| LaneBytes { direct: Transfer { rx_bytes: n, tx_bytes: 3 * n }, tor: Transfer::default() };
        let quota = Some(QuotaView::new(10 << 30, used, 1000 + 90_000));
        OwnUsage { sessions: 2, total: part(1 << 30), today: part(1024), month: part(1 << 20), quota }
    }

    #[test]
    fn a_warning_appears_at_80_percent_of_the_quota() {
        assert_eq!(line(&of(1 << 30)), "4.0 KiB today, 4.0 MiB this month, 10 % of the quota used");
        assert_eq!(warning(&of(1 << 30), 1000), None);
        let warned = warning(&of(9 << 30), 1000).unwrap();
        assert_eq!(
            warned,
            "1.0 GiB of the quota of 10.0 GiB are left for 1 d 1 h; the server closes the tunnel when it is used up"
        );
        assert!(warning(&of(11 << 30), 1000).unwrap().contains("used up"));
        let table = usage(&of(9 << 30), 1000);
        let words: Vec<_> = table.split_whitespace().collect();
        assert!(words.join(" ").contains("today 3.0 KiB / 1.0 KiB 0 B / 0 B this month"), "{table}");
        assert!(
            table.contains("Quota: 9.0 GiB of 10.0 GiB used (90 %), 1.0 GiB left") && table.contains("\nWARNING: ")
        );
        let free = OwnUsage { quota: None, ..of(0) };
        assert!(usage(&free, 0).ends_with("No quota.\n") && warning(&free, 0).is_none());
    }

    #[test]
    fn times_are_shown_as_calendar_dates() {
        // Computed with `date -u -d @…`.
        for (at, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59 UTC"),
            (1_709_251_200, "2024-03-01 00:00 UTC"),
            (1_796_083_200, "2026-12-01 00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(moment(at), text);
        }
    }

    #[test]
    fn sessions_and_devices_have_one_line_each() {
        let page = serde_json::json!({
            "sessions": [
                {"session_id": uuid(1), "device_id": uuid(7), "started_at": 0, "ended_at": null, "reason": null,
                 "direct": {"rx_bytes": 1, "tx_bytes": 1}, "tor": {"rx_bytes": 0, "tx_bytes": 2}},
                {"session_id": uuid(2), "device_id": uuid(8), "started_at": 60, "ended_at": 121, "reason": "disconnect",
                 "direct": {"rx_bytes": 0, "tx_bytes": 0}, "tor": {"rx_bytes": 0, "tx_bytes": 0}}],
            "next": uuid(2)
        });
        let text = sessions(&serde_json::from_value(page).unwrap());
        assert!(text.contains("4 B  connected\n") && text.contains("0 B  for 1 min 1 s, disconnect\n"), "{text}");
        assert!(text.ends_with(&format!("More: tornado sessions --before {}\n", uuid(2))), "{text}");
        let known = serde_json::json!({
            "devices": [{"id": uuid(7), "name": "lap", "logged_in": true, "created_at": 0, "last_login_at": 0}],
            "own": uuid(7)
        });
        let text = devices(&serde_json::from_value(known).unwrap());
        assert!(text.ends_with("lap  (this device)\n"), "{text}");
    }

    fn uuid(n: u8) -> String {
        format!("00000000-0000-4000-8000-0000000000{n:02}")
    }
}
