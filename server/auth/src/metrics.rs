//! What the service publishes.

use crate::counters::AuthCounters;
use crate::service::Service;
use std::sync::Arc;
use tornado_runtime::metrics::Metrics;

/// Registers the counters of the service, and reads the state of its hashing when the metrics are read.
pub(crate) fn publish(metrics: &Metrics, service: &Arc<Service>) {
    let AuthCounters { logins, refreshes, sign_ins } = service.counters();
    metrics.register("tornado_logins", "Logins and enrolments of devices by outcome", None, logins.family());
    metrics.register("tornado_refreshes", "Refreshes of tokens by outcome", None, refreshes.family());
    metrics.register("tornado_sign_ins", "Sign-ins of operators by outcome", None, sign_ins.family());
    let service = Arc::downgrade(service);
    metrics.read(move |reading| {
        let Some(service) = service.upgrade() else { return };
        reading.counter("tornado_password_hashes", "Passwords that were hashed", None).add(&[], service.hashes());
        let (used, places) = service.hash_queue();
        let mut queue = reading.gauge("tornado_queue_length", "Entries of a queue", None);
        queue.add(&[("queue", "passwords")], used);
        let mut limit = reading.gauge("tornado_queue_limit", "Largest number of entries of a queue", None);
        limit.add(&[("queue", "passwords")], places);
    });
}
