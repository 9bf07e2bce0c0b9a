//! Implementation of the contract's methods.

use crate::account::{Account, Login, Seed, Version};
use crate::engine::Engine;
use crate::export::take_back;
use crate::publish::unix_now;
use crate::reach::{reach, translate};
use crate::session::{FAREWELL, Inner};
use crate::store::StoreError;
use async_trait::async_trait;
use std::net::SocketAddr;
use std::time::Duration;
use tornado_client::{DeviceIdentity, Proof};
use tornado_helper_api::{
    ChooseExit, Connect, ControlPlane, Devices, Enroll, Export, Exported, Helper, HelperError, Login as LoginInput,
    NoInput, RemoveDevice, SessionsQuery, Status, SwitchLane,
};
use tornado_shared::api::{OwnSessions, OwnUsage, TorView};
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::invitation::{Invitation, ServerAddress};
use tornado_tunnel::policy::Outside;
use tornado_tunnel::state::Phase;

/// How long a status call waits for fresh counters.
const FRESH: Duration = Duration::from_millis(300);

#[async_trait]
impl Helper for Engine {
    async fn enroll(&self, input: Enroll) -> Result<Status, HelperError> {
        let invitation: Invitation =
            input.link.expose().parse().map_err(|e| HelperError::BadInvitation(format!("{e}")))?;
        let mut inner = self.inner.lock().await;
        // Checked before the invitation is used up.
        inner.store.probe().map_err(not_stored)?;
        // If the server is the same, this device keeps its key and stays the same device there.
        let same = inner.account.as_ref().filter(|a| a.identity == invitation.identity);
        let seed = same.map_or_else(|| Seed::new(*IdentityKey::random().expose_seed()), |a| a.device.clone());
        let device = DeviceIdentity::new(&IdentityKey::from_seed(seed.expose()), input.device_name.clone());
        let server =
            reach(&mut inner.resolver, std::slice::from_ref(&invitation.server), invitation.identity, invitation.tls)
                .await?;
        let now = unix_now();
        let proof = Proof { password: &input.password, totp: input.totp.as_ref() };
        let answer = server.api.enroll(&invitation, &device, input.username, proof, now).await;
        let welcome = answer.map_err(|e| self.report(&e))?;
        let account = Account {
            version: Version,
            server: invitation.server.to_string(),
            offered: None,
            identity: invitation.identity,
            tls: server.api.tls(),
            device: seed,
            device_name: input.device_name,
            username: welcome.payload.user.username.to_string(),
            login: Some(Login::new(&welcome, now)),
        };
        let set_aside = if inner.broken.is_some() { inner.store.set_aside() } else { Ok(()) };
        let settled = match set_aside {
            Ok(()) => inner.settle(account, &server.addresses, self).await,
            Err(error) => Err(HelperError::Internal(error.to_string())),
        };
        // The login is not stored here, so the server must not keep a device that cannot log in again.
        if settled.is_err() && inner.account.as_ref().is_none_or(|kept| kept.identity != invitation.identity) {
            take_back(&server.api, &welcome).await;
        }
        settled
    }

    async fn login(&self, input: LoginInput) -> Result<Status, HelperError> {
        let mut inner = self.inner.lock().await;
        if let Some(reason) = &inner.broken {
            return Err(HelperError::Blocked(reason.clone()));
        }
        let mut account = inner.account.clone().ok_or(HelperError::NotEnrolled)?;
        inner.store.probe().map_err(not_stored)?;
        if let Some(server) = input.server {
            let address: ServerAddress = server.parse().map_err(|e| HelperError::Malformed(format!("{e}")))?;
            account.server = address.to_string();
            account.offered = None;
        }
        let addresses = account.addresses().map_err(|e| HelperError::Internal(e.to_string()))?;
        let server = reach(&mut inner.resolver, &addresses, account.identity, Some(account.tls)).await?;
        let name = input.username.unwrap_or_else(|| account.username.clone());
        let now = unix_now();
        let proof = Proof { password: &input.password, totp: input.totp.as_ref() };
        let answer = server.api.login(&account.device(), &name, proof, now).await;
        let welcome = answer.map_err(|e| self.report(&e))?;
        account.tls = server.api.tls();
        account.username = welcome.payload.user.username.to_string();
        account.login = Some(Login::new(&welcome, now));
        inner.settle(account, &server.addresses, self).await
    }

    async fn connect(&self, input: Connect) -> Result<Status, HelperError> {
        self.bring_up(input.lane).await
    }

    async fn switch_lane(&self, input: SwitchLane) -> Result<Status, HelperError> {
        Self::switch_lane(self, input.lane).await
    }

    async fn new_identity(&self, _: NoInput) -> Result<Status, HelperError> {
        self.renew_identity().await
    }

    async fn disconnect(&self, _: NoInput) -> Result<Status, HelperError> {
        self.take_down().await?;
        self.publish.no_notice();
        if self.tunnel.watch().borrow().phase == Phase::Disconnected {
            self.want_none();
        }
        Ok(self.publish.now())
    }

    async fn logout(&self, _: NoInput) -> Result<Status, HelperError> {
        self.take_down().await?;
        self.want_none();
        let mut inner = self.inner.lock().await;
        if inner.broken.take().is_some() {
            inner.store.set_aside().map_err(|e| HelperError::Internal(e.to_string()))?;
            let view = self.tunnel.unblock().await.map_err(|e| HelperError::Internal(e.to_string()))?;
            self.publish.tunnel(&view);
            return Ok(self.publish.now());
        }
        let inner = &mut *inner;
        let Some(account) = &mut inner.account else { return Ok(self.publish.now()) };
        let (addresses, identity, tls) = (account.addresses(), account.identity, account.tls);
        self.publish.no_notice();
        if let (Some(login), Ok(addresses)) = (account.login.take(), addresses) {
            let farewell = async {
                let server = reach(&mut inner.resolver, &addresses, identity, Some(tls)).await?;
                server.api.logout(&login.refresh).await.map_err(|e| translate(&e))
            };
            // The user wants to be logged out here in any case. Tokens that the server still accepts expire.
            if !matches!(tokio::time::timeout(FAREWELL, farewell).await, Ok(Ok(()))) {
                self.publish.notice(
                    "server_not_told",
                    "logged out on this device, but the server did not confirm it; its tokens will expire",
                );
            }
        }
        inner.save();
        self.publish.account(inner.account.as_ref());
        Ok(self.publish.now())
    }

    async fn status(&self, _: NoInput) -> Result<Status, HelperError> {
        // While the tunnel is busy, the latest known state is shown.
        if let Ok(Ok(view)) = tokio::time::timeout(FRESH, self.tunnel.look()).await {
            self.publish.tunnel(&view);
        }
        self.confirm().await;
        self.see_tor().await;
        self.see_usage().await;
        Ok(self.publish.now())
    }

    async fn export(&self, input: Export) -> Result<Exported, HelperError> {
        self.make_export(input).await
    }

    async fn usage(&self, _: NoInput) -> Result<OwnUsage, HelperError> {
        self.own_usage().await
    }

    async fn sessions(&self, input: SessionsQuery) -> Result<OwnSessions, HelperError> {
        self.own_sessions(input).await
    }

    async fn devices(&self, _: NoInput) -> Result<Devices, HelperError> {
        self.own_devices().await
    }

    async fn remove_device(&self, input: RemoveDevice) -> Result<Devices, HelperError> {
        self.remove_own_device(input.device_id).await
    }

    async fn tor(&self, _: NoInput) -> Result<TorView, HelperError> {
        self.tor_view().await
    }

    async fn choose_exit(&self, input: ChooseExit) -> Result<Status, HelperError> {
        self.leave_in(input.country).await
    }
}

fn not_stored(error: StoreError) -> HelperError {
    HelperError::Internal(format!("cannot store the login: {error}"))
}

impl Inner {
    /// Stores a new login. The old login's session ends only now, so that a failed login changes nothing.
    async fn settle(&mut self, account: Account, api: &[SocketAddr], engine: &Engine) -> Result<Status, HelperError> {
        let same = self.account.as_ref().is_some_and(|known| known.identity == account.identity);
        match engine.wishes.now().filter(|_| same && self.broken.is_none()) {
            // A login must not let traffic out of the tunnel: traffic is blocked until the tunnel is up again.
            Some(wanted) => {
                if !engine.tunnel.watch().borrow().lockdown {
                    let mut hold = wanted.ended("a new login replaced the previous one", true);
                    hold.outside.extend(api.iter().copied().map(Outside::tcp));
                    let view = engine.tunnel.block(hold).await.map_err(|e| HelperError::Internal(e.to_string()))?;
                    engine.publish.tunnel(&view);
                }
            }
            None => {
                engine.drop_tunnel().await?;
                engine.want_none();
            }
        }
        self.end_session(&engine.publish).await;
        self.store.save(&account).map_err(not_stored)?;
        self.account = Some(account);
        if self.broken.take().is_some() {
            let view = engine.tunnel.unblock().await.map_err(|e| HelperError::Internal(e.to_string()))?;
            engine.publish.tunnel(&view);
        }
        engine.publish.account(self.account.as_ref());
        engine.publish.control(ControlPlane::Reachable);
        engine.publish.no_notice();
        engine.wake.notify_one();
        Ok(engine.publish.now())
    }
}
