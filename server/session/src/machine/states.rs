//! The states of a session with their data. The transitions of a state are in the file with its name.

use super::activity::Activity;
use tornado_shared::model::{CloseReason, UnixSeconds};

/// State `connecting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connecting {
    pub(super) activity: Activity,
}

/// State `online`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Online {
    pub(super) activity: Activity,
}

/// State `offline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offline {
    pub(super) activity: Activity,
    pub(super) since: UnixSeconds,
}

/// State `closed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    pub(super) activity: Activity,
    /// Reason of the end.
    pub reason: CloseReason,
}

/// Change by a transition, for events and for the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Online for the first time.
    Created,
    /// No activity; the peers must be removed.
    WentOffline,
    /// Activity after that; the peers must be restored.
    Recovered,
    /// The session ended.
    Closed(CloseReason),
}

/// A session in one of its states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// Addresses are leased, and the peers are being added.
    Connecting(Connecting),
    /// Recent activity.
    Online(Online),
    /// No recent activity; lease and session are kept for the grace period.
    Offline(Offline),
    /// The session has ended.
    Closed(Closed),
}

/// The state after a transition, and its change.
pub type Step = (Machine, Option<Change>);
