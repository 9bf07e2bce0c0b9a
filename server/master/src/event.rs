//! Input of the supervisor's event loop.

use crate::policy::Probe;
use tokio::sync::oneshot;
use tornado_contracts::ServiceName;
use tornado_contracts::master::{Control, MasterStatus};

/// Input of the event loop.
pub enum Event {
    /// A process ended.
    Ended(ServiceName, u32),
    /// A readiness probe finished.
    Probed(ServiceName, u32, Probe),
    /// An operator sent a request; the status is the response.
    Ordered(Control, oneshot::Sender<MasterStatus>),
}
