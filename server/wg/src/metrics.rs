//! What the service publishes.

use crate::model::PerLane;
use crate::status::Status;
use std::collections::HashMap;
use std::sync::Arc;
use tornado_contracts::wg::{CanaryStatus, TorLane};
use tornado_runtime::clock::unix_now;
use tornado_runtime::interfaces::{InterfaceCounters, interface_counters};
use tornado_runtime::metrics::{Metrics, Reading, Unit};
use tornado_shared::model::Lane;

/// Reads the lanes and their state when the metrics are read.
pub(crate) fn publish(metrics: &Metrics, status: Arc<Status>, interfaces: PerLane<String>) {
    metrics.read(move |reading| {
        traffic(reading, &interfaces);
        flows(reading);
        // While the state changes, these values are absent from one reading.
        if let Some(seen) = status.try_read(|state| Seen {
            up: state.up,
            peers: state.peers,
            firewall_verified: state.firewall_verified,
            tor_lane: state.tor_lane.actual().lane,
            canary: state.canary,
        }) {
            seen.read(reading);
        }
    });
}

fn traffic(reading: &mut Reading<'_>, interfaces: &PerLane<String>) {
    type Field = (&'static str, &'static str, Option<&'static Unit>, fn(&InterfaceCounters) -> u64);
    let fields: [Field; 5] = [
        ("tornado_lane_received", "Bytes that devices sent into the lane", Some(&Unit::Bytes), |c| c.received_bytes),
        ("tornado_lane_sent", "Bytes that the lane sent to devices", Some(&Unit::Bytes), |c| c.sent_bytes),
        ("tornado_lane_received_packets", "Packets that devices sent into the lane", None, |c| c.received_packets),
        ("tornado_lane_sent_packets", "Packets that the lane sent to devices", None, |c| c.sent_packets),
        ("tornado_lane_dropped_packets", "Packets that the interface dropped", None, |c| c.dropped_packets),
    ];
    let counters: HashMap<String, InterfaceCounters> = interface_counters().into_iter().collect();
    for (name, help, unit, value) in fields {
        let mut values = reading.counter(name, help, unit);
        for lane in Lane::ALL {
            if let Some(counters) = counters.get(interfaces.of(lane)) {
                values.add(&[("lane", lane.as_str())], value(counters));
            }
        }
    }
}

/// The kernel's table of tracked flows. The files are absent while the module is not loaded.
fn flows(reading: &mut Reading<'_>) {
    let number = |name: &str| -> Option<u64> {
        std::fs::read_to_string(format!("/proc/sys/net/netfilter/{name}")).ok()?.trim().parse().ok()
    };
    if let (Some(flows), Some(limit)) = (number("nf_conntrack_count"), number("nf_conntrack_max")) {
        reading.gauge("tornado_flows", "Flows that the kernel tracks", None).add(&[], flows);
        reading.gauge("tornado_flows_limit", "Flows that the kernel can track", None).add(&[], limit);
    }
}

/// The part of the state that is published.
struct Seen {
    up: PerLane<bool>,
    peers: usize,
    firewall_verified: bool,
    tor_lane: TorLane,
    canary: CanaryStatus,
}

impl Seen {
    fn read(&self, reading: &mut Reading<'_>) {
        let mut up = reading.gauge("tornado_lane_up", "1 while the interface of the lane exists, otherwise 0", None);
        Lane::ALL.iter().for_each(|lane| up.add(&[("lane", lane.as_str())], *self.up.of(*lane)));
        reading.gauge("tornado_peers", "WireGuard peers of devices; each is on both lanes", None).add(&[], self.peers);
        let help = "1 while the rules in the kernel equal the policy, otherwise 0";
        reading.gauge("tornado_firewall_verified", help, None).add(&[], self.firewall_verified);
        let help = "State of the tor lane in the kernel: 1 for the current state, otherwise 0";
        let mut states = reading.gauge("tornado_tor_lane_applied", help, None);
        for (state, is_current) in [
            ("closed", self.tor_lane == TorLane::Closed),
            ("maintenance", matches!(self.tor_lane, TorLane::Maintenance { .. })),
            ("open", matches!(self.tor_lane, TorLane::Open { .. })),
        ] {
            states.add(&[("state", state)], is_current);
        }
        let help = "1 while the latest round of the leak canary found no leak, otherwise 0";
        reading.gauge("tornado_canary_healthy", help, None).add(&[], self.canary.healthy);
        let help = "Alarms of the leak canary and of the watch of the rules";
        reading.counter("tornado_canary_alarms", help, None).add(&[], self.canary.alarms);
        if let Some(at) = self.canary.last_run {
            let help = "Time since the latest round of the leak canary";
            let age = unix_now().saturating_sub(at).max(0);
            reading.gauge("tornado_canary_age", help, Some(&Unit::Seconds)).add(&[], age);
        }
    }
}
