//! Restores all live sessions from the store at the start. Devices are not affected: their peers stay on the lanes.

use crate::core::Core;
use crate::registry::Entry;
use std::sync::Arc;
use tornado_shared::model::{CloseReason, SessionState};
use tornado_store::StoreError;
use tornado_store::sessions::{AfterClose, CloseSession, SessionRow};

pub(crate) async fn restore(core: &Core) -> Result<(), StoreError> {
    let rows = core.store.live(&core.config.node_id).await?;
    let count = rows.len();
    for row in rows {
        restore_row(core, row).await?;
    }
    for (device, country) in core.store.exits(&core.config.node_id).await? {
        if let Some(entry) = core.registry.of_device(device) {
            entry.set_exit(Some(country));
        }
    }
    tracing::info!(sessions = count, "live sessions restored");
    Ok(())
}

async fn restore_row(core: &Core, row: SessionRow) -> Result<(), StoreError> {
    let now = core.now();
    let failed = CloseSession {
        session_id: row.session_id,
        reason: CloseReason::Failed,
        at: now,
        direct: row.direct.total,
        tor: row.tor.total,
        lease: AfterClose::Quarantine,
    };
    // A crash interrupted the connect: its caller received no response, and the sync removes its peer.
    if row.state == SessionState::Connecting {
        core.counters.repairs.lock().ended += 1;
        core.store.close(&failed).await?;
        return Ok(());
    }
    let facts = core.live.get(row.session_id).await;
    let Some(entry) = Entry::new(row, &core.pools, core.config.timers(), now, facts) else {
        tracing::warn!("closed a stored session outside the address pools");
        core.counters.repairs.lock().ended += 1;
        core.store.close(&failed).await?;
        return Ok(());
    };
    if facts.is_none() {
        core.live.open(&entry, None).await;
    }
    core.registry.insert(Arc::new(entry));
    Ok(())
}
