//! Implementation of the `master` contract.

use crate::event::Event;
use crate::process::proc;
use tokio::sync::{mpsc, oneshot, watch};
use tornado_contracts::master::{Control, Master, MasterStatus};
use tornado_rpc::{Fault, NoInput};

/// Passes requests to the supervisor's loop and reads the status that it published.
pub struct Handle {
    events: mpsc::Sender<Event>,
    status: watch::Receiver<MasterStatus>,
}

impl Handle {
    pub const fn new(events: mpsc::Sender<Event>, status: watch::Receiver<MasterStatus>) -> Self {
        Self { events, status }
    }

    /// The status, as it is published.
    pub fn status(&self) -> watch::Receiver<MasterStatus> {
        self.status.clone()
    }
}

#[async_trait::async_trait]
impl Master for Handle {
    async fn status(&self, _: NoInput) -> Result<MasterStatus, Fault> {
        Ok(with_memory(self.status.borrow().clone()))
    }

    async fn control(&self, control: Control) -> Result<MasterStatus, Fault> {
        let gone = || Fault::Unavailable("the supervisor is shutting down".into());
        let (reply, answer) = oneshot::channel();
        self.events.send(Event::Ordered(control, reply)).await.map_err(|_| gone())?;
        Ok(with_memory(answer.await.map_err(|_| gone())?))
    }
}

fn with_memory(mut status: MasterStatus) -> MasterStatus {
    for service in &mut status.services {
        service.memory_bytes = service.pid.and_then(proc::memory);
    }
    status
}
