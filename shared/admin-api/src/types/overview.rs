//! The first page.

use super::{ServicesView, TorView, views};

views! {
    /// State of the whole server. A part that could not be read is absent.
    pub struct Overview {
        /// Time of the answer.
        pub now: i64,
        /// Processes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub services: Option<ServicesView>,
        /// Sessions and addresses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub sessions: Option<SessionNumbers>,
        /// Tor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub tor: Option<TorView>,
        /// Lanes and firewall.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub lanes: Option<LanesView>,
        /// Parts that are absent, with the reason.
        pub missing: Vec<MissingPart>,
    }

    /// A part that could not be read.
    pub struct MissingPart {
        /// Service that did not respond.
        pub service: String,
        /// The reason.
        pub reason: String,
    }

    /// Numbers of sessions and addresses.
    #[derive(Copy, Eq)]
    pub struct SessionNumbers {
        /// Sessions with a recent heartbeat or handshake.
        pub online: u32,
        /// Sessions without.
        pub offline: u32,
        /// Address slots with a lease.
        pub leased: u32,
        /// Address slots in quarantine.
        pub quarantined: u32,
        /// All address slots.
        pub slots: u32,
    }

    /// Lanes and firewall, as `wg` reports them.
    pub struct LanesView {
        /// True while the firewall in the kernel equals the policy.
        pub firewall_verified: bool,
        /// Number of peers.
        pub peers: u64,
        /// `kernel` or `userspace`.
        pub backend: String,
        /// Both lanes.
        pub lanes: Vec<LaneView>,
        /// The leak canary.
        pub canary: CanaryView,
    }

    /// The server's end of a lane.
    pub struct LaneView {
        /// `direct` or `tor`.
        pub lane: String,
        /// Name of the interface.
        pub interface: String,
        /// UDP port.
        pub port: u16,
        /// Inner MTU, bytes.
        pub mtu: u16,
        /// The server's public key.
        pub public_key: String,
        /// True while the interface exists and is programmed.
        pub up: bool,
    }

    /// The leak canary of the tor lane.
    #[derive(Copy, Eq)]
    pub struct CanaryView {
        /// True: in the latest round, packets entered the lane and none left the server.
        pub healthy: bool,
        /// End of the latest round.
        pub last_run: Option<i64>,
        /// Time of the latest alarm.
        pub last_alarm: Option<i64>,
        /// Alarms since `wg` started.
        pub alarms: u64,
    }
}
