//! Handles that all parts of the service use.

use crate::firewall::Firewall;
use crate::status::Status;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) firewall: Arc<Firewall>,
    pub(crate) status: Arc<Status>,
    pub(crate) wakes: Arc<Wakes>,
}

/// Early wake-ups of the watches.
#[derive(Default)]
pub(crate) struct Wakes {
    /// True if a link of the host may have changed since the last check of the lanes' interfaces.
    links_changed: AtomicBool,
    pub(crate) interfaces: Notify,
    pub(crate) firewall: Notify,
    pub(crate) host: Notify,
    pub(crate) canary: Notify,
}

impl Wakes {
    /// The first round checks the interfaces.
    pub(crate) fn new() -> Self {
        Self { links_changed: AtomicBool::new(true), ..Self::default() }
    }

    /// Requests a check of the lanes' interfaces now.
    pub(crate) fn check_interfaces(&self) {
        self.note_changed_links();
        self.interfaces.notify_one();
    }

    /// Requests a check of the lanes' interfaces in the next round.
    pub(crate) fn note_changed_links(&self) {
        self.links_changed.store(true, Ordering::SeqCst);
    }

    /// Returns whether a check of the lanes' interfaces was requested, and withdraws the request.
    pub(crate) fn take_changed_links(&self) -> bool {
        self.links_changed.swap(false, Ordering::SeqCst)
    }
}
