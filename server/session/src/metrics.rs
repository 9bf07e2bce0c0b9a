//! What the service publishes.

use crate::service::Service;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use tornado_runtime::metrics::{Metrics, Reading};
use tornado_shared::model::{Lane, SessionState};

/// Registers the counters of the service, and reads its sessions when the metrics are read.
pub(crate) fn publish(metrics: &Metrics, service: &Arc<Service>) {
    let counters = &service.core.counters;
    metrics.register("tornado_connects", "Connects of devices by outcome", None, counters.connects.family());
    metrics.register("tornado_heartbeats", "Heartbeats of devices by outcome", None, counters.heartbeats.family());
    metrics.register("tornado_session_ends", "Ended sessions by reason", None, counters.ends.clone());
    let help = "WireGuard handshakes of devices with a session, on any lane";
    metrics.register("tornado_handshakes", help, None, counters.handshakes.clone());
    let service = Arc::downgrade(service);
    metrics.read(move |reading| read(reading, &service));
}

fn read(reading: &mut Reading<'_>, service: &Weak<Service>) {
    let Some(service) = service.upgrade() else { return };
    let mut sessions: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    // Present with 0, too, so that a chart has no gaps.
    for lane in Lane::ALL.map(Lane::as_str).into_iter().chain([NO_LANE]) {
        sessions.extend([("online", lane), ("offline", lane)].map(|labels| (labels, 0)));
    }
    for entry in service.core.registry.all() {
        let state = match entry.state() {
            SessionState::Online => "online",
            SessionState::Offline => "offline",
            SessionState::Connecting | SessionState::Closed => continue,
        };
        *sessions.entry((state, entry.lane().map_or(NO_LANE, Lane::as_str))).or_default() += 1;
    }
    let help = "Sessions by state, and by the lane of their latest traffic";
    let mut values = reading.gauge("tornado_sessions", help, None);
    for ((state, lane), number) in sessions {
        values.add(&[("state", state), ("lane", lane)], number);
    }
    let repairs = *service.core.counters.repairs.lock();
    let help = "Differences between sessions, lanes and live state that were repaired, by kind";
    let mut values = reading.counter("tornado_repairs", help, None);
    for (kind, number) in [
        ("ended", repairs.ended),
        ("stray", repairs.strays),
        ("peer_restored", repairs.peers_restored),
        ("peer_removed", repairs.peers_removed),
        ("state_written", repairs.written),
        ("live_restored", repairs.live_restored),
    ] {
        values.add(&[("kind", kind)], number);
    }
}

/// Label of a session without traffic.
const NO_LANE: &str = "none";
