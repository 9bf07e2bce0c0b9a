//! Between the helper's contract and what the window exchanges. Pure.

use tornado_gui_api::{
    Account, Control, Exit, Failure, Helper, Lane, LaneCondition, Notice, Offer, Phase, Place, Quota, Relay, Tunnel,
    View,
};
use tornado_helper_api::{ControlPlane, HelperError, ServiceError as _, Status, TunnelState};
use tornado_shared::api::{LaneState, TorHopRole, TorView};
use tornado_shared::model::Lane as ApiLane;

/// The view of a status. `now` is the clock of this machine, seconds since 1970.
pub fn view(status: &Status, now: i64) -> View {
    View {
        helper: Helper::Running,
        account: account(status),
        tunnel: tunnel(status),
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
        assert_eq!(view(&Status::default(), 7), View { helper: Helper::Running, now: 7, ..View::default() });
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
    fn a_user_without_the_group_is_told_apart_from_a_stopped_helper() {
        assert_eq!(helper_of(&HelperError::Forbidden("why".into())), Helper::Forbidden("why".into()));
        assert!(matches!(helper_of(&HelperError::NotRunning("gone".into())), Helper::Absent(_)));
    }
}
