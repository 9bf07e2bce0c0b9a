//! Connect: authorisation, lease, peers and session, all or nothing.

use crate::entry::Entry;
use crate::fault;
use crate::machine::Change;
use crate::service::Service;
use crate::usage::count;
use std::net::IpAddr;
use std::sync::Arc;
use tornado_contracts::auth::{AccessToken, Authorize, Grant};
use tornado_contracts::session::{Connect, Connected, SessionError};
use tornado_contracts::wg::{LaneEnd, WgError};
use tornado_live::LiveFacts;
use tornado_rpc::Fault;
use tornado_runtime::trial::fault_point;
use tornado_shared::model::{CloseReason, PublicKey, SessionId, SessionState, UnixSeconds};
use tornado_store::sessions::{AfterClose, OpenSession, Opened, PresharedPair};

impl Service {
    pub async fn connect(&self, input: Connect) -> Result<Connected, SessionError> {
        let Connect { access_token, public_key, client_ip, plain } = input;
        let ends = self.lanes.ends().await.map_err(fault::wg)?;
        if ends.iter().any(|end| end.public_key == public_key) {
            // The server's own key: an interface rejects itself as a peer.
            return Err(SessionError::KeyInUse);
        }
        let token = AccessToken { access_token: access_token.clone() };
        let device_id = self.keys.verify(&token, self.now()).await?.device_id;
        // Locked before the call to `auth`: if the login is revoked right after the grant, the call that closes the
        // session waits here until the session exists.
        let _guard = self.locks.lock(device_id).await;
        let grant =
            self.auth.authorize(Authorize { access_token, public_key, exported: plain }).await.map_err(fault::auth)?;
        if grant.device_id != device_id {
            return Err(Fault::Internal("service auth returned a grant for another device".into()).into());
        }
        fault_point("connect.granted");
        self.check_allowance(&grant).await?;
        self.learn_treatment(grant.user_id, grant.treatment);
        if let Some(entry) = self.registry.of_device(grant.device_id) {
            if entry.plain == plain && same_tunnel(&entry, &grant, public_key) {
                return self.resume(&entry, ends).await;
            }
            self.refuse_foreign_key(&grant, public_key)?;
            self.close(&entry, CloseReason::Replaced, AfterClose::Quarantine).await?;
        }
        let (entry, undo) = self.open(&grant, public_key, client_ip, plain).await?;
        match self.bring_up(&entry).await {
            Ok(()) => Ok(self.connected(&entry, ends)),
            Err(error) => {
                if let Some(lease) = undo {
                    // Fails only if the store fails. The entry is then closed in memory, and the sweep retries.
                    drop(self.close(&entry, CloseReason::Failed, lease).await);
                }
                Err(error)
            }
        }
    }

    /// Returns the existing session of the same device and login with the same key, online or offline. If its peer
    /// cannot be restored, the session stays as it is.
    async fn resume(&self, entry: &Arc<Entry>, ends: Vec<LaneEnd>) -> Result<Connected, SessionError> {
        self.sign_of_life(entry, true).await?;
        Ok(self.connected(entry, ends))
    }

    /// Runs before the device's own session is closed for the new key. Constraints of the store decide races.
    fn refuse_foreign_key(&self, grant: &Grant, key: PublicKey) -> Result<(), SessionError> {
        match self.registry.of_key(&key) {
            Some(holder) if holder.device_id != grant.device_id => Err(SessionError::KeyInUse),
            Some(_) | None => Ok(()),
        }
    }

    /// Creates lease, live row and history row. Also returns what to do with the lease if the lanes fail: addresses
    /// that this call leased become free immediately, and an existing session keeps everything (`None`).
    async fn open(
        &self,
        grant: &Grant,
        public_key: PublicKey,
        client_ip: IpAddr,
        plain: bool,
    ) -> Result<(Arc<Entry>, Option<AfterClose>), SessionError> {
        // Read first, while there is nothing to undo.
        let exit = self.store.exit(grant.device_id).await.map_err(|error| fault::store(&error))?;
        let now = self.now();
        let open = OpenSession {
            session_id: SessionId::next(),
            user_id: grant.user_id,
            family_id: grant.family_id,
            username: grant.username.clone(),
            device_id: grant.device_id,
            node_id: self.config.node_id.clone(),
            public_key,
            plain,
            preshared_keys: preshared(grant),
            max_devices: grant.max_devices,
            slots: self.config.slots(),
            quarantine: self.config.quarantine.into(),
            marks: self.due_marks(grant.user_id, now).await?,
            now,
        };
        let mut opened = self.store.open(&open).await.map_err(|error| fault::store(&error))?;
        if matches!(opened, Opened::MaxDevices) && self.evict_silent(grant).await {
            opened = self.store.open(&open).await.map_err(|error| fault::store(&error))?;
        }
        fault_point("connect.leased");
        if matches!(opened, Opened::New { .. }) {
            self.learn_marks(&[grant.user_id], now);
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
        let entry = Entry::new(*row, &self.config.pools, now, None).ok_or(SessionError::PoolExhausted)?;
        entry.cell().exit = exit;
        let entry = Arc::new(entry);
        self.registry.insert(entry.clone());
        self.look_at_countries.notify_one();
        let facts = LiveFacts { client_ip: Some(client_ip), ..entry.facts() };
        if let Err(error) = self.live.open(entry.session_id, facts).await {
            tracing::warn!(%error, "cannot write live state of a new session");
        }
        Ok((entry, undo))
    }

    /// Frees the slot of the user's device that has been offline longest, so that a device without network cannot lock
    /// out its owner. Returns false if no device is offline, or if that device is just reconnecting.
    async fn evict_silent(&self, grant: &Grant) -> bool {
        // A silent exported device is not lost; its lease is meant to stay.
        let silent =
            |entry: &Arc<Entry>| entry.user_id == grant.user_id && entry.device_id != grant.device_id && !entry.plain;
        let candidates = self.registry.all().into_iter().filter(silent);
        let oldest = candidates
            .filter_map(|entry| {
                let since = entry.cell().machine.offline_since()?;
                Some((since, entry))
            })
            .min_by_key(|(since, _)| *since);
        let Some((_, entry)) = oldest else { return false };
        // This call already holds its own device's lock. Waiting for a second lock could deadlock.
        let Some(_guard) = self.locks.try_lock(entry.device_id) else { return false };
        entry.state() == SessionState::Offline
            && self.close(&entry, CloseReason::Evicted, AfterClose::Quarantine).await.is_ok()
    }

    /// Adds the peer to both lanes and sets the session online. If the second lane fails, service `wg` reverts the
    /// first.
    async fn bring_up(&self, entry: &Arc<Entry>) -> Result<(), SessionError> {
        // The rate comes first, so that no peer exists without it.
        self.treat(entry).await.map_err(fault::wg)?;
        if entry.state() != SessionState::Connecting {
            return self.sign_of_life(entry, true).await.map(drop);
        }
        match self.lanes.put(entry).await {
            // A peer without a session uses the address. Comparing the lanes now removes it before the next sweep.
            Err(WgError::AddressInUse) => {
                drop(self.compare_lanes().await);
                self.lanes.put(entry).await.map_err(fault::wg)?;
            }
            other => other.map_err(fault::wg)?,
        }
        fault_point("connect.peered");
        let change = {
            let mut cell = entry.cell();
            let (machine, change) = cell.machine.programmed();
            cell.machine = machine;
            change
        };
        self.persist_state(entry).await?;
        fault_point("connect.online");
        if let Some(change) = change {
            self.publish(entry, change, self.now()).await;
        }
        Ok(())
    }

    /// Records a heartbeat of a session that is not closed. The caller holds the device's lock. An offline session
    /// comes back online, or stays offline if the lanes fail. Returns true if it came back.
    pub async fn sign_of_life(&self, entry: &Arc<Entry>, put_anyway: bool) -> Result<bool, SessionError> {
        let now = self.now();
        let (ahead, change) = entry.cell().machine.heartbeat(now, &self.timers_of(entry));
        if let Some(Change::Closed(reason)) = change {
            self.close(entry, reason, AfterClose::Quarantine).await?;
            return Err(SessionError::SessionExpired);
        }
        match ahead.state() {
            SessionState::Online => {}
            SessionState::Connecting | SessionState::Offline | SessionState::Closed => {
                return Err(SessionError::SessionExpired);
            }
        }
        if put_anyway || change == Some(Change::Recovered) {
            self.treat(entry).await.map_err(fault::wg)?;
            self.lanes.put(entry).await.map_err(fault::wg)?;
            fault_point("recover.peered");
        }
        {
            // Repeated on the current state, which a handshake may have changed.
            let mut cell = entry.cell();
            cell.machine = cell.machine.heartbeat(now, &self.timers_of(entry)).0;
            cell.dirty = true;
        }
        match self.persist_state(entry).await {
            Ok(()) => {}
            Err(SessionError::SessionExpired) => {
                drop(self.close(entry, CloseReason::Replaced, AfterClose::Quarantine).await);
                return Err(SessionError::SessionExpired);
            }
            // Tunnels keep working without the database. The sweep writes the state later.
            Err(error) => tracing::warn!(%error, "cannot store a recovery; the sweep retries"),
        }
        self.note_live(entry).await;
        if let Some(change) = change {
            self.publish(entry, change, now).await;
        }
        Ok(change.is_some())
    }

    async fn note_live(&self, entry: &Entry) {
        match self.live.update(entry.session_id, entry.facts()).await {
            Ok(true) => {}
            // Live state may be lost at any time and is rebuilt here.
            Ok(false) => {
                if self.live.open(entry.session_id, entry.facts()).await.is_ok() {
                    count(&self.counts.told_again);
                }
            }
            // The Redis link logs an outage once; not every heartbeat should log it.
            Err(error) => tracing::debug!(%error, "cannot write a heartbeat to live state"),
        }
    }

    fn connected(&self, entry: &Entry, ends: Vec<LaneEnd>) -> Connected {
        let started_at: UnixSeconds = entry.cell().machine.signs().started_at;
        let left = started_at.saturating_add(self.timers_of(entry).hard_ttl).saturating_sub(self.now());
        Connected {
            session_id: entry.session_id,
            direct: entry.direct,
            tor: entry.tor,
            ends,
            preshared: entry.preshared_keys.is_some(),
            heartbeat_ttl: self.config.heartbeat_ttl.into(),
            hard_ttl: u64::try_from(left).unwrap_or(0),
        }
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
