//! What holds in every state of the tunnel: lockdown, networks outside the tunnel, the window for a captive portal.
//! The first two are stored; each is applied and published. Nothing here waits for the server or needs a login.

use crate::account::{FoundPolicy, Store, store_policy, store_split};
use crate::status::Publisher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;
use tornado_helper_api::{HelperError, LockdownMode, LockdownPolicy, Portal, SetLockdown, Split};
use tornado_kit::clock::unix_now;
use tornado_tunnel::Tunnel;
use tornado_tunnel::policy::{Exempt, StandingPolicy};

/// How long a captive portal can be reached.
const PORTAL_OPEN: Duration = Duration::from_secs(60);

/// Code of the notice that the stored policy cannot be read.
const UNREADABLE: &str = "lockdown_unreadable";

/// Changes the policy of a tunnel.
pub(crate) struct PolicyControl {
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
    split: Split,
    portal: Option<IpAddr>,
    /// Closes the portal.
    closing: Option<AbortOnDropHandle<()>>,
}

/// The exempt networks that follow from the choices.
pub(crate) fn exempt(split: &Split, portal: Option<IpAddr>) -> Vec<Exempt> {
    let portal = portal.map(|address| Exempt { net: address.into(), only_web: true });
    split.networks.iter().map(|net| Exempt { net: *net, only_web: false }).chain(portal).collect()
}

impl PolicyControl {
    /// `standing` is the policy under which the tunnel was started.
    pub(crate) fn new(
        tunnel: Tunnel,
        publish: Publisher,
        store: Store,
        found: &FoundPolicy,
        standing: StandingPolicy,
    ) -> Self {
        publish.lockdown(standing.lockdown);
        publish.excluded(standing.excluded);
        if let Some(why) = &found.unreadable {
            publish.notice(UNREADABLE, why);
        }
        let split = found.split.clone();
        publish.split(split.clone());
        let base = if found.unreadable.is_some() { LockdownPolicy::default() } else { standing.lockdown };
        let current = Current { standing, base, split, portal: None, closing: None };
        Self { tunnel, publish, store, current: Mutex::new(current) }
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

    /// Sets and stores the networks that are reached outside the tunnel.
    pub(crate) async fn set_split(&self, split: Split) -> Result<(), HelperError> {
        let split = split.checked().map_err(|error| HelperError::Malformed(error.to_string()))?;
        let mut current = self.current.lock().await;
        store_split(&self.store, &split).map_err(|error| {
            HelperError::Internal(format!("cannot store the networks outside the tunnel, nothing was changed: {error}"))
        })?;
        let exempt = exempt(&split, current.portal);
        self.apply(&mut current.standing, |standing| standing.exempt = exempt).await?;
        current.split = split.clone();
        self.publish.split(split);
        Ok(())
    }

    /// Opens the window for a captive portal. It is not stored.
    pub(crate) async fn open_portal(self: &Arc<Self>, address: IpAddr) -> Result<(), HelperError> {
        let mut current = self.current.lock().await;
        self.set_portal(&mut current, Some(address)).await?;
        let this = Arc::downgrade(self);
        let close = tokio::spawn(async move {
            tokio::time::sleep(PORTAL_OPEN).await;
            let Some(this) = this.upgrade() else { return };
            let mut current = this.current.lock().await;
            if let Err(error) = this.set_portal(&mut current, None).await {
                tracing::error!(%error, "cannot close the window for the captive portal");
            }
        });
        current.closing = Some(AbortOnDropHandle::new(close));
        Ok(())
    }

    async fn set_portal(&self, current: &mut Current, portal: Option<IpAddr>) -> Result<(), HelperError> {
        let exempt = exempt(&current.split, portal);
        self.apply(&mut current.standing, |standing| standing.exempt = exempt).await?;
        current.portal = portal;
        let until = unix_now().saturating_add(i64::try_from(PORTAL_OPEN.as_secs()).unwrap_or(i64::MAX));
        self.publish.portal(portal.map(|address| Portal { address, until }));
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

    /// Whether the firewall has rules for excluded programs. Waits for no change.
    #[cfg(target_os = "linux")]
    pub(super) fn is_excluding(&self) -> bool {
        self.publish.now().excluded
    }

    /// Sets whether programs in the control group of excluded programs use no tunnel.
    #[cfg(target_os = "linux")]
    pub(super) async fn set_excluded(&self, excluded: bool) -> Result<(), HelperError> {
        let mut current = self.current.lock().await;
        if current.standing.excluded != excluded {
            self.apply(&mut current.standing, |standing| standing.excluded = excluded).await?;
            self.publish.excluded(excluded);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::load_policy;
    use tornado_tunnel::os::fake::Fake;

    #[tokio::test(start_paused = true)]
    async fn a_portal_can_be_reached_for_sixty_seconds() {
        let directory = tempfile::tempdir().unwrap();
        let (store, publish, fake) = (Store::new(directory.path().to_owned()), Publisher::new(), Fake::default());
        let lockdown = LockdownPolicy { mode: LockdownMode::Always, ..LockdownPolicy::default() };
        let standing = StandingPolicy { lockdown, ..StandingPolicy::default() };
        let (tunnel, _task) = Tunnel::start_under(standing.clone(), Box::new(fake.clone()), None);
        let found = load_policy(&store);
        let control = Arc::new(PolicyControl::new(tunnel, publish.clone(), store, &found, standing));
        let open = || fake.inside().routing.as_ref().map(|routing| routing.exempt.clone()).unwrap_or_default();
        let exempt = |address: &str| {
            let address: IpAddr = address.parse().unwrap();
            Exempt { net: address.into(), only_web: true }
        };
        control.open_portal("192.0.2.1".parse().unwrap()).await.unwrap();
        assert_eq!(open(), [exempt("192.0.2.1")]);
        tokio::time::sleep(PORTAL_OPEN / 2).await;
        // Another address replaces the first one and starts the time again.
        control.open_portal("192.0.2.2".parse().unwrap()).await.unwrap();
        tokio::time::sleep(PORTAL_OPEN - Duration::from_secs(1)).await;
        assert_eq!(open(), [exempt("192.0.2.2")]);
        assert!(publish.now().portal.is_some());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(open().is_empty() && publish.now().portal.is_none());
    }
}
