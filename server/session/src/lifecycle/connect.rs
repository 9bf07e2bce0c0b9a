//! Connect: authorisation, lease, peers and session, all or nothing.

use super::state::persist_state;
use super::{close, heartbeat};
use crate::core::Core;
use crate::error;
use crate::registry::Entry;
use std::net::IpAddr;
use std::sync::Arc;
use tornado_contracts::auth::{AccessToken, Authorize, Grant};
use tornado_contracts::session::{Connect, Connected, EventKind, SessionError};
use tornado_contracts::wg::{LaneEnd, WgError};
use tornado_rpc::Fault;
use tornado_runtime::trial::fault_point;
use tornado_shared::model::{CloseReason, PublicKey, SessionId, SessionState};
use tornado_store::sessions::{AfterClose, OpenSession, Opened, PresharedPair};

pub(crate) async fn connect(core: &Core, input: Connect) -> Result<Connected, SessionError> {
    let Connect { access_token, public_key, client_ip, exported } = input;
    let ends = core.lanes.ends().await.map_err(error::wg)?;
    if ends.iter().any(|end| end.public_key == public_key) {
        // The server's own key: an interface rejects itself as a peer.
        return Err(SessionError::KeyInUse);
    }
    let token = AccessToken { access_token: access_token.clone() };
    let device_id = core.access.verify(&token).await?.device_id;
    // Locked before the call to `auth`: if the login is revoked right after the grant, the call that closes the
    // session waits here until the session exists.
    let _guard = core.registry.locks.lock(device_id).await;
    let grant = core.access.authorize(Authorize { access_token, public_key, exported }).await?;
    if grant.device_id != device_id {
        return Err(Fault::Internal("service auth returned a grant for another device".into()).into());
    }
    fault_point("connect.granted");
    core.accounting.quotas.check(grant.user_id, grant.month_quota, core.now()).await?;
    core.policies.learn(grant.user_id, grant.traffic_policy);
    if let Some(entry) = core.registry.of_device(grant.device_id) {
        if entry.exported == exported && same_tunnel(&entry, &grant, public_key) {
            return resume(core, &entry, ends).await;
        }
        refuse_foreign_key(core, &grant, public_key)?;
        close::close(core, &entry, CloseReason::Replaced, AfterClose::Quarantine).await?;
    }
    let (entry, undo) = open(core, &grant, public_key, client_ip, exported).await?;
    match bring_up(core, &entry).await {
        Ok(()) => Ok(connected(core, &entry, ends)),
        Err(error) => {
            if let Some(lease) = undo {
                // Fails only if the store fails. The entry is then closed in memory, and the sweep retries.
                drop(close::close(core, &entry, CloseReason::Failed, lease).await);
            }
            Err(error)
        }
    }
}

/// Returns the existing session of the same device and login with the same key, online or offline. If its peer
/// cannot be restored, the session stays as it is.
async fn resume(core: &Core, entry: &Arc<Entry>, ends: Vec<LaneEnd>) -> Result<Connected, SessionError> {
    heartbeat::record(core, entry, true).await?;
    Ok(connected(core, entry, ends))
}

/// Runs before the device's own session is closed for the new key. Constraints of the store decide races.
fn refuse_foreign_key(core: &Core, grant: &Grant, key: PublicKey) -> Result<(), SessionError> {
    match core.registry.of_key(&key) {
        Some(holder) if holder.device_id != grant.device_id => Err(SessionError::KeyInUse),
        Some(_) | None => Ok(()),
    }
}

/// Creates lease, live row and history row. Also returns what to do with the lease if the lanes fail: addresses
/// that this call leased become free immediately, and an existing session keeps everything (`None`).
async fn open(
    core: &Core,
    grant: &Grant,
    public_key: PublicKey,
    client_ip: IpAddr,
    exported: bool,
) -> Result<(Arc<Entry>, Option<AfterClose>), SessionError> {
    // Read first, while there is nothing to undo.
    let exit = core.store.exit(grant.device_id).await.map_err(error::store)?;
    let now = core.now();
    let open = OpenSession {
        session_id: SessionId::next(),
        user_id: grant.user_id,
        family_id: grant.family_id,
        username: grant.username.clone(),
        device_id: grant.device_id,
        node_id: core.config.node_id.clone(),
        public_key,
        exported,
        preshared_keys: preshared(grant),
        max_devices: grant.max_devices,
        slots: core.slots(),
        quarantine: core.config.quarantine.into(),
        marks: core.accounting.marks.due(grant.user_id, now).await?,
        now,
    };
    let mut opened = core.store.open(&open).await.map_err(error::store)?;
    if matches!(opened, Opened::MaxDevices) && evict_silent(core, grant).await {
        opened = core.store.open(&open).await.map_err(error::store)?;
    }
    fault_point("connect.leased");
    if matches!(opened, Opened::New { .. }) {
        core.accounting.marks.record_set(&[grant.user_id], now);
    }
    let (row, undo) = match opened {
        Opened::New { row, held_before: true, .. } => (row, Some(AfterClose::Quarantine)),
        Opened::New { row, held_before: false, .. } => (row, Some(AfterClose::FreeNow)),
        // A row without an entry in memory, left by a failed write. It is used as stored.
        Opened::Existing(row) => (row, None),
        Opened::KeyInUse => return Err(SessionError::KeyInUse),
        Opened::MaxDevices => return Err(SessionError::MaxDevices { max: grant.max_devices }),
        Opened::PoolExhausted => return Err(SessionError::PoolExhausted),
    };
    let entry = Entry::new(*row, &core.pools, core.config.timers(), now, None).ok_or(SessionError::PoolExhausted)?;
    entry.set_exit(exit);
    let entry = Arc::new(entry);
    core.registry.insert(entry.clone());
    core.countries.request_report();
    core.live.open(&entry, Some(client_ip)).await;
    Ok((entry, undo))
}

/// Frees the slot of the user's device that has been offline longest, so that a device without network cannot lock
/// out its owner. Returns false if no device is offline, or if that device is just reconnecting.
async fn evict_silent(core: &Core, grant: &Grant) -> bool {
    // A silent exported device is not lost; its lease is meant to stay.
    let silent =
        |entry: &Arc<Entry>| entry.user_id == grant.user_id && entry.device_id != grant.device_id && !entry.exported;
    let candidates = core.registry.all().into_iter().filter(silent);
    let oldest = candidates
        .filter_map(|entry| {
            let since = entry.machine().offline_since()?;
            Some((since, entry))
        })
        .min_by_key(|(since, _)| *since);
    let Some((_, entry)) = oldest else { return false };
    // This call already holds its own device's lock. Waiting for a second lock could deadlock.
    let Some(_guard) = core.registry.locks.try_lock(entry.device_id) else { return false };
    entry.state() == SessionState::Offline
        && close::close(core, &entry, CloseReason::Evicted, AfterClose::Quarantine).await.is_ok()
}

/// Adds the peer to both lanes and sets the session online. If the second lane fails, service `wg` reverts the
/// first.
async fn bring_up(core: &Core, entry: &Arc<Entry>) -> Result<(), SessionError> {
    // The rate comes first, so that no peer exists without it.
    core.policies.apply(entry).await.map_err(error::wg)?;
    if entry.state() != SessionState::Connecting {
        return heartbeat::record(core, entry, true).await.map(drop);
    }
    match core.lanes.put(entry).await {
        // A peer without a session uses the address. Comparing the lanes now removes it before the next sweep.
        Err(WgError::AddressInUse) => {
            core.reconciler.remove_strays().await;
            core.lanes.put(entry).await.map_err(error::wg)?;
        }
        other => other.map_err(error::wg)?,
    }
    fault_point("connect.peered");
    let change = entry.programmed();
    persist_state(&core.store, entry).await?;
    fault_point("connect.online");
    if let Some(change) = change {
        core.live.publish(entry, EventKind::from(change), core.now()).await;
    }
    Ok(())
}

fn connected(core: &Core, entry: &Entry, ends: Vec<LaneEnd>) -> Connected {
    let left = entry.hard_end().saturating_sub(core.now());
    Connected {
        session_id: entry.session_id,
        direct: entry.direct,
        tor: entry.tor,
        ends,
        preshared: entry.preshared_keys.is_some(),
        heartbeat_ttl: core.config.heartbeat_ttl.into(),
        hard_ttl: u64::try_from(left).unwrap_or(0),
    }
}

/// A new login means a new tunnel, even with the same WireGuard key: its preshared keys differ, and tokens of the
/// previous login must not control it.
fn same_tunnel(entry: &Entry, grant: &Grant, key: PublicKey) -> bool {
    let open = match entry.state() {
        SessionState::Online | SessionState::Offline => true,
        SessionState::Connecting | SessionState::Closed => false,
    };
    open && entry.public_key == key && entry.family_id == grant.family_id
}

fn preshared(grant: &Grant) -> Option<PresharedPair> {
    let keys = grant.preshared_keys.as_ref()?;
    Some(PresharedPair { direct: keys.direct.clone(), tor: keys.tor.clone() })
}
