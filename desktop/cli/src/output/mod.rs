//! Output for people and for scripts. The text never reports a tunnel as working unless a handshake was seen.

pub(crate) mod account;
pub(crate) mod leaks;
pub(crate) mod lockdown;
pub(crate) mod profiles;
pub(crate) mod tor;

use crate::error::Failure;
use qrcode::render::unicode::Dense1x2;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use tornado_helper_api::{Backend, Choice, ControlPlane, Exported, ServiceError as _, Status, TunnelState};
use tornado_kit::clock::unix_now;
use tornado_shared::api::LaneState;
use tornado_shared::format::{bytes, span};
use tornado_shared::model::Lane;
use tornado_shared::model::text::shown;
use tornado_shared::problem::Problem;

pub(crate) fn status(status: &Status, json: bool) -> std::io::Result<()> {
    show(status, json, |status| text(status, unix_now()))?;
    std::io::stdout().lock().flush()
}

/// States what the new identity changes and what it does not.
pub(crate) fn new_identity(status: &Status, json: bool) -> std::io::Result<()> {
    if json {
        return self::status(status, true);
    }
    writeln!(std::io::stdout().lock(), "{}", identity_text(status.lane))
}

const fn identity_text(lane: Option<Lane>) -> &'static str {
    match lane {
        Some(Lane::Tor) => {
            "New identity: new connections use new circuits. Open connections keep their circuits until they close."
        }
        Some(Lane::Direct) | None => {
            "New identity on the tor lane. This device is on the direct lane, which still uses the server's address."
        }
    }
}

/// Prints the exported device as a configuration file, as a QR code or as JSON.
pub(crate) fn exported(exported: &Exported, qr: bool, json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, exported).map_err(std::io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    if !qr {
        return Ok(write!(out, "{}", exported.config.expose())?);
    }
    let code = qrcode::QrCode::new(exported.config.expose());
    let code = code.map_err(|e| {
        Failure::Terminal(std::io::Error::other(format!("cannot encode the configuration as a QR code: {e}")))
    })?;
    let picture = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    Ok(writeln!(out, "{picture}")?)
}

/// Prints `answer` as JSON, or `text` with control characters escaped.
pub(crate) fn show<T: Serialize>(answer: &T, json: bool, text: impl FnOnce(&T) -> String) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, answer)?;
        return writeln!(out);
    }
    write!(out, "{}", shown(&text(answer)))
}

pub(crate) fn error(failure: &Failure, json: bool) {
    let problem = match failure {
        Failure::Helper(error) => error.to_problem(),
        Failure::Usage(_) => Problem::new(400, "usage", failure.to_string()),
        Failure::CodeRequired => Problem::new(401, "totp_required", failure.to_string()),
        Failure::NotReleased(_) => Problem::new(500, "not_released", failure.to_string()),
        Failure::Leak => Problem::new(500, "leak", failure.to_string()),
        Failure::NotStarted { .. } => Problem::new(500, "not_started", failure.to_string()),
        Failure::Terminal(_) => Problem::new(500, "terminal", failure.to_string()),
    };
    let mut err = std::io::stderr().lock();
    // If standard error fails, there is no other place to report the failure.
    let _ = if json {
        writeln!(err, "{}", serde_json::to_string(&problem).unwrap_or_default())
    } else {
        writeln!(err, "tornado: {}", shown(&problem.detail))
    };
}

/// The status as text for people.
fn text(status: &Status, now: i64) -> String {
    let mut text = headline(status);
    text.push('\n');
    let mut row = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<11}{value}");
    };
    match (&status.server, &status.user) {
        (Some(server), Some(user)) => {
            let login = if status.logged_in { "" } else { " (logged out; run `tornado login`)" };
            row("account", format!("{user} at {server}{login}"));
        }
        (None, _) | (_, None) if status.state != TunnelState::Blocked => {
            row("account", "none; run `tornado enroll LINK`".into());
        }
        (None, _) | (_, None) => {}
    }
    if matches!(status.state, TunnelState::Connected | TunnelState::Switching) {
        let addresses: Vec<String> = status.addresses.iter().map(ToString::to_string).collect();
        row("addresses", addresses.join(", "));
        if let Some(endpoint) = status.endpoint {
            row("endpoint", format!("{endpoint}{}", chosen(status, now)));
        }
        row("DNS", names(status));
        if let Some(tor) = &status.tor {
            row("exit", tor::exit(tor));
            row("circuit", tor::circuit(tor));
        }
        if let Some(since) = status.since {
            row("connected", format!("for {}", span(now.saturating_sub(since))));
        }
        if let (None, ControlPlane::Reachable) = (status.lane_state, status.control) {
            row("lane", "unknown: the server did not report whether it is open".into());
        }
        row("handshake", handshake(status));
        let transfer = status.transfer;
        row("traffic", format!("{} received, {} sent", bytes(transfer.rx_bytes), bytes(transfer.tx_bytes)));
        if let Some(usage) = &status.usage {
            row("usage", account::line(usage));
            if let Some(warning) = account::warning(usage, now) {
                row("WARNING", warning);
            }
        }
        let backend = match status.backend {
            Some(Backend::Kernel) => "WireGuard in the kernel",
            Some(Backend::Userspace) => "WireGuard in the helper",
            None => "WireGuard",
        };
        let preshared = if status.preshared { ", with a post-quantum preshared key" } else { "" };
        row("protection", format!("{backend}{preshared}"));
        if status.control == ControlPlane::Unreachable {
            row("server", "device API unreachable; the tunnel stays up and the helper keeps retrying".into());
        }
    }
    row("lockdown", lockdown::line(status));
    let split: Vec<String> = status.split.networks.iter().map(ToString::to_string).collect();
    if !split.is_empty() {
        row("split", format!("outside the tunnel: {}", split.join(", ")));
    }
    if status.excluded {
        row("excluded", "programs outside the tunnel, see `tornado exclude list`".into());
    }
    if let Some(portal) = &status.portal {
        row("portal", format!("{} can be reached for {}", portal.address, span(portal.until.saturating_sub(now))));
    }
    if let Some(notice) = &status.notice {
        row("problem", format!("{} ({} ago)", notice.detail, span(now.saturating_sub(notice.at))));
    }
    text
}

fn headline(status: &Status) -> String {
    let lane = status.lane.map_or_else(|| "a".to_owned(), |lane| format!("the {lane}"));
    match status.state {
        TunnelState::Disconnected => "Disconnected: traffic from this device is not protected.".into(),
        TunnelState::Connecting if status.lockdown => {
            format!("Connecting over {lane} lane; traffic is blocked until the tunnel is up.")
        }
        TunnelState::Connecting => format!("Connecting over {lane} lane; traffic is not protected yet."),
        TunnelState::Connected if status.handshake_stale => {
            format!("Up over {lane} lane, but the server is not responding: traffic may be lost.")
        }
        TunnelState::Connected => match (status.lane, status.lane_state) {
            (Some(on), Some(LaneState::Closed)) => {
                format!("Connected over {lane} lane, but the server's {on} lane is closed: no traffic passes.")
            }
            (Some(on), Some(LaneState::Maintenance)) => {
                format!(
                    "Connected over {lane} lane, but the server's {on} lane is under maintenance: no traffic passes."
                )
            }
            (Some(_), Some(LaneState::Open)) | (_, None) | (None, Some(_)) => format!("Connected over {lane} lane."),
        },
        TunnelState::Switching => {
            let target = status.target.map_or_else(String::new, |lane| format!(" to the {lane} lane"));
            format!("Connected over {lane} lane, switching{target}.")
        }
        TunnelState::Disconnecting => "Disconnecting.".into(),
        TunnelState::Blocked => {
            format!("Blocked: {}.", status.reason.as_deref().unwrap_or("the helper did not report a reason"))
        }
    }
}

/// The resolvers in use.
fn names(status: &Status) -> String {
    if status.names.is_empty() {
        return match status.lane {
            Some(Lane::Tor) => "the lane offers no resolver; DNS queries go through the tunnel".into(),
            Some(Lane::Direct) | None => "this device's own resolvers; the lane offers none".into(),
        };
    }
    let servers: Vec<String> = status.names.iter().map(ToString::to_string).collect();
    format!("only {}, through the tunnel", servers.join(", "))
}

/// When and why the endpoint in use was chosen.
fn chosen(status: &Status, now: i64) -> String {
    let Some(chosen) = status.chosen else { return String::new() };
    let why = match chosen.why {
        Choice::Connect => "on connect",
        Choice::NetworkChanged => "because the network of this machine changed",
        Choice::Woke => "because this machine resumed from sleep",
        Choice::Silent => "because the server did not respond over the lane",
        Choice::Moved => "because the server's name resolves to other addresses",
    };
    format!(", chosen {} ago {why}", span(now.saturating_sub(chosen.at)))
}

fn handshake(status: &Status) -> String {
    match status.latest_handshake_age {
        Some(age) if status.handshake_stale => format!("{} ago, stale", span(i64::try_from(age).unwrap_or(0))),
        Some(age) => format!("{} ago", span(i64::try_from(age).unwrap_or(0))),
        None => "never".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_or_closed_lane_is_not_reported_as_working() {
        let quiet = serde_json::json!({
            "state": "connected", "reason": null, "lane": "tor", "target": null, "server": "vpn.example.org:4605",
            "user": "ann", "device": "laptop", "logged_in": true, "session": null,
            "addresses": ["10.9.0.2", "fd75::2"], "since": 1000, "handshake_seen": true, "handshake_stale": true,
            "latest_handshake_age": 400, "transfer": {"rx_bytes": 10, "tx_bytes": 2048}, "backend": "userspace",
            "preshared": true, "control": "unreachable", "notice": null, "version": "0.1.0"
        });
        let mut quiet: Status = serde_json::from_value(quiet).unwrap();
        assert!(text(&quiet, 1500).starts_with("Up over the tor lane, but"));
        assert!(text(&quiet, 1500).contains("6 min 40 s ago, stale"));
        quiet.handshake_stale = false;
        quiet.control = ControlPlane::Reachable;
        assert!(text(&quiet, 1500).starts_with("Connected over the tor lane.\n"));
        assert!(text(&quiet, 1500).contains("unknown: the server did not report whether it is open"));
        for (state, headline) in [
            (LaneState::Open, "Connected over the tor lane.\n"),
            (
                LaneState::Closed,
                "Connected over the tor lane, but the server's tor lane is closed: no traffic passes.\n",
            ),
            (
                LaneState::Maintenance,
                "Connected over the tor lane, but the server's tor lane is under maintenance: no traffic passes.\n",
            ),
        ] {
            quiet.lane_state = Some(state);
            assert!(text(&quiet, 1500).starts_with(headline), "{}", text(&quiet, 1500));
            assert!(!text(&quiet, 1500).contains("did not report"));
        }
    }
}
