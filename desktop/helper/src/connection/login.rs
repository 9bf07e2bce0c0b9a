//! Enrolment, login, logout and exported devices.
//!
//! The key pair of an exported device is generated here, and the private key leaves only in the configuration file. The
//! tokens of its login are discarded: an exported device never refreshes them, and the server tracks the device by its
//! handshakes.

use super::session::CLOSE_TIMEOUT;
use super::state::Connection;
use crate::account::{Account, Login, Seed, Version};
use crate::server::{reach, translate};
use std::net::SocketAddr;
use tornado_client::{DeviceApi, DeviceIdentity, Error as ApiError, Proof, Welcome};
use tornado_helper_api::{
    AddProfile, ControlPlane, Enroll, Export, Exported, HelperError, Login as LoginInput, ProfileName, Profiles, Status,
};
use tornado_kit::clock::unix_now;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::invitation::{Invitation, ServerAddress};
use tornado_shared::model::PrivateKey;
use tornado_tunnel::policy::Outside;

impl Connection {
    /// Enrols the profile in use, which may be new.
    pub(crate) async fn enroll(&mut self, input: Enroll) -> Result<Status, HelperError> {
        let profile = self.credentials.account().map(|account| account.profile.clone()).unwrap_or_default();
        self.enroll_as(profile, input).await
    }

    /// Enrols a new profile and uses it. The profile in use before is kept.
    pub(crate) async fn add_profile(&mut self, input: AddProfile) -> Result<Status, HelperError> {
        let name = input.name;
        if self.credentials.profiles()?.profiles.iter().any(|profile| profile.name == name) {
            return Err(HelperError::Malformed(format!("there is already a profile '{name}'; choose another name")));
        }
        self.enroll_as(name, input.enroll).await
    }

    /// Uses another profile. The tunnel must be disconnected.
    pub(crate) async fn use_profile(&mut self, name: &ProfileName) -> Result<Status, HelperError> {
        if let Some(reason) = self.credentials.unreadable() {
            return Err(HelperError::Blocked(reason.to_owned()));
        }
        let account = self.credentials.unused_profile(name)?;
        let port = account.address().map_err(|e| HelperError::Internal(e.to_string()))?.port;
        self.close_session().await;
        self.credentials.replace(account)?;
        self.permit_port(port).await?;
        self.publish.account(self.credentials.account());
        self.publish.control(ControlPlane::Unknown);
        self.publish.clear_notice();
        self.wake.notify_one();
        Ok(self.publish.now())
    }

    /// Renames a profile. Server, account and login stay.
    pub(crate) fn rename_profile(&mut self, name: &ProfileName, new: &ProfileName) -> Result<Profiles, HelperError> {
        if let Some(reason) = self.credentials.unreadable() {
            return Err(HelperError::Blocked(reason.to_owned()));
        }
        self.credentials.rename_profile(name, new)?;
        self.publish.account(self.credentials.account());
        self.credentials.profiles()
    }

    /// Removes a profile that is not in use. Its login is ended on the server if the server responds soon; otherwise
    /// its tokens expire.
    pub(crate) async fn remove_profile(&mut self, name: &ProfileName) -> Result<Profiles, HelperError> {
        let account = self.credentials.unused_profile(name)?;
        self.credentials.remove_profile(name)?;
        if let (Some(login), Ok(addresses)) = (&account.login, account.addresses()) {
            let end = async {
                for address in &addresses {
                    self.permit_port(address.port).await?;
                }
                let server = reach(&mut self.resolver, &addresses, account.identity, Some(account.tls)).await?;
                server.api.logout(&login.refresh).await.map_err(|e| translate(&e))
            };
            if !matches!(tokio::time::timeout(CLOSE_TIMEOUT, end).await, Ok(Ok(()))) {
                tracing::info!("the server did not confirm the end of the removed profile's login; its tokens expire");
            }
        }
        self.credentials.profiles()
    }

    async fn enroll_as(&mut self, profile: ProfileName, input: Enroll) -> Result<Status, HelperError> {
        let invitation: Invitation =
            input.link.expose().parse().map_err(|e| HelperError::BadInvitation(format!("{e}")))?;
        // Checked before the invitation is used up.
        self.credentials.check_writable()?;
        // If the server is the same, this device keeps its key and stays the same device there.
        let same = self.credentials.account().filter(|account| account.identity == invitation.identity);
        let seed = same.map_or_else(|| Seed::new(*IdentityKey::random().expose_seed()), |a| a.device.clone());
        let device = DeviceIdentity::new(&IdentityKey::from_seed(seed.expose()), input.device_name.clone());
        self.permit_port(invitation.server.port).await?;
        let server =
            reach(&mut self.resolver, std::slice::from_ref(&invitation.server), invitation.identity, invitation.tls)
                .await?;
        let now = unix_now();
        let proof = Proof { password: &input.password, totp: input.totp.as_ref() };
        let response = server.api.enroll(&invitation, &device, input.username, proof, now).await;
        let welcome = response.map_err(|e| self.report(&e))?;
        let account = Account {
            version: Version,
            profile,
            server: invitation.server.to_string(),
            offered: None,
            identity: invitation.identity,
            tls: server.api.tls(),
            device: seed,
            device_name: input.device_name,
            username: welcome.payload.user.username.to_string(),
            login: Some(Login::new(&welcome, now)),
        };
        let stored = match self.credentials.set_aside_unreadable() {
            Ok(()) => self.store_login(account, &server.addresses).await,
            Err(error) => Err(error),
        };
        // The login is not stored here, so the server must not keep a device that cannot log in again.
        let kept = self.credentials.account().is_some_and(|kept| kept.identity == invitation.identity);
        if stored.is_err() && !kept {
            remove_incomplete_device(&server.api, &welcome).await;
        }
        stored
    }

    pub(crate) async fn login(&mut self, input: LoginInput) -> Result<Status, HelperError> {
        let mut account = self.credentials.enrolled()?.clone();
        self.credentials.check_writable()?;
        if let Some(server) = input.server {
            let address: ServerAddress = server.parse().map_err(|e| HelperError::Malformed(format!("{e}")))?;
            account.server = address.to_string();
            account.offered = None;
            self.permit_port(address.port).await?;
        }
        let addresses = account.addresses().map_err(|e| HelperError::Internal(e.to_string()))?;
        let server = reach(&mut self.resolver, &addresses, account.identity, Some(account.tls)).await?;
        let name = input.username.unwrap_or_else(|| account.username.clone());
        let now = unix_now();
        let proof = Proof { password: &input.password, totp: input.totp.as_ref() };
        let response = server.api.login(&account.device(), &name, proof, now).await;
        let welcome = response.map_err(|e| self.report(&e))?;
        account.tls = server.api.tls();
        account.username = welcome.payload.user.username.to_string();
        account.login = Some(Login::new(&welcome, now));
        self.store_login(account, &server.addresses).await
    }

    /// Stores a new login. The old login's session ends only now, so that a failed login changes nothing.
    async fn store_login(&mut self, account: Account, api: &[SocketAddr]) -> Result<Status, HelperError> {
        let same = self.credentials.account().is_some_and(|known| known.identity == account.identity);
        match self.control.desired().filter(|_| same && self.credentials.unreadable().is_none()) {
            // A login must not let traffic out of the tunnel: traffic is blocked until the tunnel is up again.
            Some(desired) => {
                if !self.control.is_lockdown() {
                    let mut lockdown = desired.lockdown("a new login replaced the previous one", true);
                    lockdown.outside.extend(api.iter().copied().map(Outside::tcp));
                    self.control.block(lockdown).await?;
                }
            }
            None => {
                self.control.disconnect().await?;
                self.control.clear_desired();
            }
        }
        self.close_session().await;
        self.credentials.replace(account)?;
        if self.credentials.clear_unreadable() {
            self.control.unblock().await?;
        }
        self.publish.account(self.credentials.account());
        self.publish.control(ControlPlane::Reachable);
        self.publish.clear_notice();
        self.wake.notify_one();
        Ok(self.publish.now())
    }

    /// Deletes the login here, and ends it on the server. The tunnel must be disconnected.
    pub(crate) async fn logout(&mut self) -> Result<Status, HelperError> {
        if self.credentials.unreadable().is_some() {
            let set_aside = self.credentials.set_aside_unreadable();
            self.credentials.clear_unreadable();
            set_aside?;
            self.control.unblock().await?;
            return Ok(self.publish.now());
        }
        let Some(account) = self.credentials.account() else { return Ok(self.publish.now()) };
        let (addresses, identity, tls) = (account.addresses(), account.identity, account.tls);
        self.publish.clear_notice();
        if let (Some(login), Ok(addresses)) = (self.credentials.take_login(), addresses) {
            let logout = async {
                let server = reach(&mut self.resolver, &addresses, identity, Some(tls)).await?;
                server.api.logout(&login.refresh).await.map_err(|e| translate(&e))
            };
            // The user wants to be logged out here in any case. Tokens that the server still accepts expire.
            if !matches!(tokio::time::timeout(CLOSE_TIMEOUT, logout).await, Ok(Ok(()))) {
                self.publish.notice(
                    "server_not_told",
                    "logged out on this device, but the server did not confirm it; its tokens will expire",
                );
            }
        }
        self.credentials.save();
        self.publish.account(self.credentials.account());
        Ok(self.publish.now())
    }

    /// Creates an exported device. It requires the password because the device stays valid after this one logs out.
    pub(crate) async fn export(&mut self, input: Export) -> Result<Exported, HelperError> {
        let account = self.credentials.enrolled()?.clone();
        let addresses = account.addresses().map_err(|e| HelperError::Internal(e.to_string()))?;
        let server = reach(&mut self.resolver, &addresses, account.identity, Some(account.tls)).await?;
        let api = server.api;
        // The identity key is discarded at once: no later login uses it.
        let device = DeviceIdentity::new(&IdentityKey::random(), input.device_name.clone());
        let proof = Proof { password: &input.password, totp: input.totp.as_ref() };
        let welcome = api.login(&device, &account.username, proof, unix_now()).await;
        let welcome = welcome.map_err(|e| translate(&e))?;
        let key = PrivateKey::random();
        let exported = match api.export(&welcome.payload.tokens.access_token, key.public_key()).await {
            // This login can derive preshared keys, so a server that reports none weakens the tunnel.
            Ok(offer) if !offer.preshared => Err(ApiError::Downgrade("a tunnel without preshared keys")),
            other => other,
        };
        let offer = match exported {
            Ok(offer) => offer,
            Err(error) => {
                remove_incomplete_device(&api, &welcome).await;
                return Err(translate(&error));
            }
        };
        let preshared = welcome.export.preshared_key(input.lane, &key.public_key());
        let config = tornado_client::wg_quick(&input.device_name, offer.on(input.lane), &key, Some(&preshared));
        Ok(Exported { device_id: welcome.payload.device_id, device_name: input.device_name, lane: input.lane, config })
    }
}

/// Removes a device, with its login, after a later step of its creation failed. If the server is unreachable, the login
/// expires.
async fn remove_incomplete_device(api: &DeviceApi, welcome: &Welcome) {
    let tokens = &welcome.payload.tokens;
    if let Err(error) = api.remove_device(&tokens.access_token, welcome.payload.device_id).await {
        tracing::debug!(%error, "cannot remove the incomplete device");
        drop(api.logout(&tokens.refresh_token).await);
    }
}
