//! Between the helper's contract and what the window exchanges. Pure.

use qrcode::{Color, EcLevel, QrCode};
use tornado_gui_api::{
    Account, Control, Exit, Failure, Helper, Invitation, Lane, LaneCondition, Lockdown, LockdownMode, Notice, Offer,
    Phase, Place, Portal, Profile, Qr, Quota, Redaction, Relay, Tunnel, View,
};
use tornado_helper_api::{
    ControlPlane, HelperError, LockdownMode as ApiMode, Profile as ApiProfile, ServiceError as _, Status, TunnelState,
};
use tornado_shared::api::{LaneState, TorHopRole, TorView};
use tornado_shared::invitation::Invitation as ApiInvitation;
use tornado_shared::model::{Lane as ApiLane, Secret};
use tornado_support::Level;

/// Width of the quiet zone of a QR code that readers require, modules (ISO/IEC 18004).
const QUIET: usize = 4;

/// The view of a status. `now` is the clock of this machine, seconds since 1970.
pub fn view(status: &Status, now: i64) -> View {
    View {
        helper: Helper::Running,
        account: account(status),
        tunnel: tunnel(status),
        lockdown: Lockdown {
            mode: from_api_mode(status.lockdown_policy.mode),
            lan: status.lockdown_policy.lan,
            bridges: status.lockdown_policy.bridges,
        },
        excluded: status.split.networks.iter().map(ToString::to_string).collect(),
        portal: status.portal.map(|portal| Portal { address: portal.address.to_string(), until: portal.until }),
        quota: status.usage.as_ref().and_then(|usage| usage.quota).map(|quota| Quota {
            limit: quota.bytes,
            left: quota.left,
            renews_at: quota.renews_at,
        }),
        month: status.usage.as_ref().map(|usage| usage.month.sum()),
        control: match status.control {
            ControlPlane::Unknown => Control::Unknown,
            ControlPlane::Reachable => Control::Reachable,
            ControlPlane::Unreachable => Control::Unreachable,
        },
        notice: status.notice.as_ref().map(|notice| Notice {
            code: notice.code.clone(),
            detail: notice.detail.clone(),
            at: notice.at,
        }),
        now,
    }
}

fn account(status: &Status) -> Option<Account> {
    let (server, user) = (status.server.as_ref()?, status.user.as_ref()?);
    Some(Account {
        profile: status.profile.clone().unwrap_or_default(),
        server: host(server).to_owned(),
        user: user.clone(),
        device: status.device.as_ref().map(ToString::to_string).unwrap_or_default(),
        is_signed_in: status.logged_in,
    })
}

/// The host of `host:port`; an IPv6 address without its brackets.
fn host(server: &str) -> &str {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn tunnel(status: &Status) -> Tunnel {
    Tunnel {
        phase: match status.state {
            TunnelState::Disconnected => Phase::Disconnected,
            TunnelState::Connecting => Phase::Connecting,
            TunnelState::Connected => Phase::Connected,
            TunnelState::Switching => Phase::Switching,
            TunnelState::Disconnecting => Phase::Disconnecting,
            TunnelState::Blocked => Phase::Blocked,
        },
        reason: status.reason.clone(),
        lane: status.lane.map(from_api),
        target: status.target.map(from_api),
        condition: status.lane_state.map(|state| match state {
            LaneState::Open => LaneCondition::Open,
            LaneState::Maintenance => LaneCondition::Maintenance,
            LaneState::Closed => LaneCondition::Closed,
        }),
        exit: status.tor.as_ref().map(exit),
        endpoint: status.endpoint.map(|endpoint| endpoint.to_string()),
        addresses: status.addresses.iter().map(ToString::to_string).collect(),
        resolvers: status.names.iter().map(ToString::to_string).collect(),
        is_locked: status.lockdown,
        since: status.since,
        handshake_age: status.latest_handshake_age,
        is_silent: status.handshake_stale,
        received: status.transfer.rx_bytes,
        sent: status.transfer.tx_bytes,
        has_preshared_key: status.preshared,
    }
}

/// Exit and circuit of this device.
fn exit(tor: &TorView) -> Exit {
    let path = tor.path.as_ref();
    let relays = path.iter().flat_map(|path| &path.hops).map(|hop| Relay {
        place: match hop.role {
            TorHopRole::Guard => Place::Guard,
            TorHopRole::Middle => Place::Middle,
            TorHopRole::Exit => Place::Exit,
        },
        name: hop.nickname.clone(),
        country: hop.country.map(|country| country.as_str().to_owned()),
    });
    Exit {
        country: tor.exit.map(|country| country.as_str().to_owned()),
        is_ready: tor.ready,
        waiting_for: tor.waiting_for.clone(),
        offers: tor
            .countries
            .iter()
            .map(|offer| Offer { country: offer.country.as_str().to_owned(), exits: offer.exits })
            .collect(),
        relays: relays.collect(),
        address: path.and_then(|path| path.exit_address).map(|address| address.to_string()),
    }
}

const fn from_api(lane: ApiLane) -> Lane {
    match lane {
        ApiLane::Direct => Lane::Direct,
        ApiLane::Tor => Lane::Tor,
    }
}

/// The lane of the helper's contract.
pub const fn to_api(lane: Lane) -> ApiLane {
    match lane {
        Lane::Direct => ApiLane::Direct,
        Lane::Tor => ApiLane::Tor,
    }
}

const fn from_api_mode(mode: ApiMode) -> LockdownMode {
    match mode {
        ApiMode::Off => LockdownMode::Off,
        ApiMode::Auto => LockdownMode::Auto,
        ApiMode::Always => LockdownMode::Always,
    }
}

/// The mode of the helper's contract.
pub const fn to_api_mode(mode: LockdownMode) -> ApiMode {
    match mode {
        LockdownMode::Off => ApiMode::Off,
        LockdownMode::Auto => ApiMode::Auto,
        LockdownMode::Always => ApiMode::Always,
    }
}

/// The level of the support bundle.
pub const fn level(redaction: Redaction) -> Level {
    match redaction {
        Redaction::All => Level::All,
        Redaction::Addresses => Level::Addresses,
        Redaction::None => Level::None,
    }
}

/// A profile as the window shows it.
pub fn profile(found: ApiProfile) -> Profile {
    Profile {
        name: found.name.to_string(),
        server: host(&found.server).to_owned(),
        user: found.user,
        is_signed_in: found.logged_in,
        is_in_use: found.in_use,
    }
}

/// The link of an invitation.
///
/// # Errors
///
/// A part that was typed in is invalid. A link is checked by the helper.
pub fn invitation(invitation: Invitation) -> Result<Secret, Failure> {
    let (server, identity, code) = match invitation {
        Invitation::Link(link) => return Ok(Secret::new(link.trim())),
        Invitation::Typed { server, identity, code } => (server, identity, code),
    };
    let failed = |what: &str| Failure::invalid("invalid_part", format!("the {what} is not that of an invitation"));
    let server = server.parse().map_err(|_| failed("server address"))?;
    // Spaces make a long word easier to read and to write.
    let without_spaces = |text: &str| text.split_whitespace().collect::<String>();
    let identity = without_spaces(&identity).parse().map_err(|_| failed("server identity"))?;
    let code = Secret::new(without_spaces(&code));
    let link = ApiInvitation { server, identity, tls: None, code }.to_link();
    // The code has its rules, too.
    let checked: Result<ApiInvitation, _> = link.expose().parse();
    checked.map(|_| link).map_err(|_| failed("code"))
}

/// The QR code of a text; `None` if it is too long.
pub fn qr(text: &str) -> Option<Qr> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let path = dark.map(|(index, _)| format!("M{} {}h1v1h-1z", index % width + QUIET, index / width + QUIET)).collect();
    Some(Qr { size: width + 2 * QUIET, path })
}

/// Why the helper does not send its status.
pub fn helper_of(error: &HelperError) -> Helper {
    if let HelperError::Forbidden(detail) = error {
        Helper::Forbidden(detail.clone())
    } else {
        Helper::Absent(error.to_string())
    }
}

/// A failure of a call.
pub fn failure(error: &HelperError) -> Failure {
    Failure { code: error.code().to_owned(), detail: error.to_string(), retry_after: error.retry_after() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr as _;
    use tornado_shared::model::DeviceName;

    #[test]
    fn the_view_has_the_servers_name_without_its_port() {
        let hosts = ["vpn.example.net:4605", "198.51.100.7:4605", "[2001:db8::1]:4605"].map(host);
        assert_eq!(hosts, ["vpn.example.net", "198.51.100.7", "2001:db8::1"]);
    }

    #[test]
    fn a_device_without_an_account_is_not_enrolled() {
        let lockdown = Lockdown { lan: true, ..Lockdown::default() };
        assert_eq!(view(&Status::default(), 7), View { helper: Helper::Running, lockdown, now: 7, ..View::default() });
    }

    #[test]
    fn an_ended_sign_in_keeps_the_account() {
        let status = Status {
            server: Some("vpn.example.net:4605".into()),
            user: Some("ada".into()),
            device: Some(DeviceName::from_str("laptop").unwrap()),
            logged_in: false,
            ..Status::default()
        };
        let account = view(&status, 0).account.unwrap();
        assert_eq!((account.user.as_str(), account.device.as_str(), account.is_signed_in), ("ada", "laptop", false));
    }

    #[test]
    fn the_parts_of_an_invitation_make_its_link() {
        let identity = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
        let typed = |server: &str, identity: &str, code: &str| {
            invitation(Invitation::Typed { server: server.into(), identity: identity.into(), code: code.into() })
        };
        let link = typed(" vpn.example.net ", identity, "ABCDEFGH 23456789 ABCD").unwrap();
        let expected = format!("tornado://vpn.example.net:4605/?i={identity}&c=ABCDEFGH23456789ABCD");
        assert_eq!(link.expose(), expected);
        for (server, identity, code) in [
            ("https://x", identity, "ABCDEFGH23456789ABCD"),
            ("vpn.example.net", "short", "ABCDEFGH23456789ABCD"),
            ("vpn.example.net", identity, "short"),
            ("vpn.example.net", identity, "ABCDEFGH23456789&t=x"),
        ] {
            assert_eq!(typed(server, identity, code).unwrap_err().code, "invalid_part", "{server} {identity} {code}");
        }
    }

    #[test]
    fn a_qr_code_has_a_quiet_zone() {
        let code = qr("otpauth://totp/Tornado:ada?secret=ABC").unwrap();
        assert!(code.path.starts_with("M4 4h1v1h-1z") && code.size > 29, "{}", code.size);
        assert_eq!(qr(&"x".repeat(4000)), None);
    }

    #[test]
    fn a_user_without_the_group_is_told_apart_from_a_stopped_helper() {
        assert_eq!(helper_of(&HelperError::Forbidden("why".into())), Helper::Forbidden("why".into()));
        assert!(matches!(helper_of(&HelperError::NotRunning("gone".into())), Helper::Absent(_)));
    }
}
