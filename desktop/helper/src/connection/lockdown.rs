//! The lockdown policy: stored, applied to the tunnel and published. Nothing here waits for the server or needs a login.

use crate::account::{FoundPolicy, Store, store_policy};
use crate::status::Publisher;
use tokio::sync::Mutex;
use tornado_helper_api::{HelperError, LockdownMode, LockdownPolicy, SetLockdown};
use tornado_tunnel::Tunnel;
use tornado_tunnel::policy::StandingPolicy;

/// Code of the notice that the stored policy cannot be read.
const UNREADABLE: &str = "lockdown_unreadable";

/// Changes the policy of a tunnel.
pub(crate) struct LockdownControl {
    tunnel: Tunnel,
    publish: Publisher,
    store: Store,
    /// Locked while a change is stored and applied.
    current: Mutex<Current>,
}

struct Current {
    standing: StandingPolicy,
    /// Values of the choices that a change does not set.
    base: LockdownPolicy,
}

impl LockdownControl {
    /// `standing` is the policy under which the tunnel was started.
    pub(crate) fn new(
        tunnel: Tunnel,
        publish: Publisher,
        store: Store,
        found: &FoundPolicy,
        standing: StandingPolicy,
    ) -> Self {
        publish.lockdown(standing.lockdown);
        if let Some(why) = &found.unreadable {
            publish.notice(UNREADABLE, why);
        }
        let base = if found.unreadable.is_some() { LockdownPolicy::default() } else { standing.lockdown };
        Self { tunnel, publish, store, current: Mutex::new(Current { standing, base }) }
    }

    /// Stores and applies a change.
    pub(crate) async fn set(&self, change: SetLockdown) -> Result<(), HelperError> {
        let mut current = self.current.lock().await;
        let lockdown = LockdownPolicy {
            mode: change.mode.unwrap_or(current.base.mode),
            lan: change.lan.unwrap_or(current.base.lan),
            bridges: change.bridges.unwrap_or(current.base.bridges),
        };
        let unstored = match store_policy(&self.store, &lockdown) {
            Ok(()) => None,
            // There is always a way out.
            Err(error) if lockdown.mode == LockdownMode::Off => Some(error),
            Err(error) => {
                let text = format!("cannot store the lockdown policy, nothing was changed: {error}");
                return Err(HelperError::Internal(text));
            }
        };
        self.apply(&mut current.standing, |standing| standing.lockdown = lockdown).await?;
        current.base = lockdown;
        self.publish.lockdown(lockdown);
        tracing::info!(mode = %lockdown.mode, lan = lockdown.lan, bridges = lockdown.bridges, "lockdown policy set");
        match unstored {
            None => self.publish.withdraw(UNREADABLE),
            Some(error) => {
                tracing::error!(%error, "cannot store the lockdown policy");
                self.publish.notice(
                    "not_stored",
                    format!(
                        "lockdown is off now, but that cannot be stored: {error}; the next start may block traffic"
                    ),
                );
            }
        }
        Ok(())
    }

    /// Allows the helper's marked sockets to look for a server at the port of the enrolled server and at `latest`, also
    /// while traffic is blocked.
    pub(crate) async fn permit_ports(&self, enrolled: Option<u16>, latest: u16) -> Result<(), HelperError> {
        let mut ports: Vec<u16> = enrolled.into_iter().chain([latest]).collect();
        ports.dedup();
        let mut current = self.current.lock().await;
        if current.standing.api_ports == ports {
            return Ok(());
        }
        self.apply(&mut current.standing, |standing| standing.api_ports = ports).await
    }

    async fn apply(
        &self,
        standing: &mut StandingPolicy,
        change: impl FnOnce(&mut StandingPolicy) + Send,
    ) -> Result<(), HelperError> {
        let mut changed = standing.clone();
        change(&mut changed);
        let view = self.tunnel.set_policy(changed.clone()).await;
        let view = view.map_err(|stopped| HelperError::Internal(stopped.to_string()))?;
        *standing = changed;
        self.publish.tunnel(&view);
        Ok(())
    }
}
