//! The methods of the device API.

use crate::error::Error;
use crate::events::EventStream;
use crate::transport::{Options, Transport};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use http::Method;
use serde::{Serialize, de::DeserializeOwned};
use std::net::SocketAddr;
use tornado_shared::api::{
    ChooseExit, Disconnected, EnrollPayload, FirstCode, HeartbeatStatus, HeartbeatWord, IdempotencyKey, Initiate,
    Initiated, Lanes, LoginBody, LoginPayload, LoginReply, OwnDevices, OwnSessions, OwnUsage, PasswordAgain, Profile,
    RecoveryCodes, Refresh, Seen, ServerInfo, SessionsQuery, StatusWord, Tokens, TorView, TotpOffer, WelcomePayload,
    path,
};
use tornado_shared::crypto::identity::{Fingerprint, IdentityKey, tls_statement};
use tornado_shared::crypto::v2::{ExportSecret, Purpose, seal};
use tornado_shared::invitation::{Invitation, ServerAddress};
use tornado_shared::model::{CountryCode, DeviceId, DeviceName, PublicKey, Secret, UnixSeconds, Username};
use tornado_shared::offer::Connection;
use zeroize::Zeroizing;

/// A server whose TLS key is verified by the pinned identity. Cheap to clone.
///
/// # Errors
/// Every call can fail with [`Error::Unreachable`], [`Error::Timeout`], [`Error::WrongCertificate`] and
/// [`Error::Malformed`]; with [`Error::Busy`] if the server cannot process it now; with [`Error::Refused`] if the
/// server rejected it. Methods list only further errors.
#[derive(Debug, Clone)]
pub struct DeviceApi {
    transport: Transport,
    identity: Fingerprint,
    tls: Fingerprint,
}

/// A device as it identifies itself at login.
#[derive(Debug, Clone)]
pub struct DeviceIdentity {
    /// The device's long-term public key, base64url without padding.
    pub key: String,
    /// Name of the device.
    pub name: DeviceName,
}

impl DeviceIdentity {
    /// Creates the identity from a device's key and name.
    #[must_use]
    pub fn new(key: &IdentityKey, name: DeviceName) -> Self {
        Self { key: BASE64URL_NOPAD.encode(&key.public().0.0), name }
    }
}

/// Credentials of an account.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The password.
    pub password: &'a Secret,
    /// Authenticator code or recovery code. If it is missing but required, the server responds with `totp_required`.
    pub totp: Option<&'a Secret>,
}

/// A successful login.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// Account, tokens and device.
    pub payload: WelcomePayload,
    /// The secret from which the preshared keys of this login are derived.
    pub export: ExportSecret,
}

impl DeviceApi {
    /// Uses a server whose TLS key is known. Connects at the first call.
    ///
    /// # Errors
    /// [`Error::Setup`] if the client cannot be built.
    pub fn pinned(
        server: &ServerAddress,
        identity: Fingerprint,
        tls: Fingerprint,
        options: &Options,
    ) -> Result<Self, Error> {
        Ok(Self { transport: Transport::new(server, Some(tls), options)?, identity, tls })
    }

    /// Connects without a known TLS key, at first contact or after the key changed. The key is accepted only if the
    /// pinned identity signed it. No secrets are sent before.
    ///
    /// # Errors
    /// [`Error::WrongServer`] if the identity is not the pinned one or did not sign the key; other errors if the call
    /// fails.
    pub async fn discover(server: &ServerAddress, identity: Fingerprint, options: &Options) -> Result<Self, Error> {
        let probe = Transport::new(server, None, options)?;
        let info: ServerInfo = probe.call(Method::GET, path::SERVER, None, None::<&()>).await?;
        let seen = probe.accepted().ok_or(Error::WrongServer("it presented no certificate"))?;
        check_info(&info, identity, seen)?;
        Self::pinned(server, identity, seen, options)
    }

    /// The accepted TLS key, for storage beside the identity.
    #[must_use]
    pub const fn tls(&self) -> Fingerprint {
        self.tls
    }

    /// The address of the latest connection that presented the accepted TLS key.
    #[must_use]
    pub fn proved(&self) -> Option<SocketAddr> {
        self.transport.proved()
    }

    /// Returns the server's statement, checked against both pins.
    ///
    /// # Errors
    /// [`Error::WrongServer`] if the identity is not the pinned one or did not sign the TLS key.
    pub async fn server_info(&self) -> Result<ServerInfo, Error> {
        let info: ServerInfo = self.get(path::SERVER, None).await?;
        check_info(&info, self.identity, self.tls)?;
        Ok(info)
    }

    /// Logs in with envelope v2. `now` is the device's clock.
    ///
    /// # Errors
    /// [`Error::WrongServer`] and [`Error::Crypto`] if the server cannot prove its identity, [`Error::Downgrade`] if
    /// its response is not sealed.
    pub async fn login(
        &self,
        device: &DeviceIdentity,
        username_or_email: &str,
        proof: Proof<'_>,
        now: UnixSeconds,
    ) -> Result<Welcome, Error> {
        let payload = LoginPayload {
            username_or_email: username_or_email.to_owned(),
            password: proof.password.clone(),
            device_key: device.key.clone(),
            device_name: device.name.clone(),
            totp: proof.totp.cloned(),
        };
        self.open_login(Purpose::Login, path::LOGIN, &payload, now).await
    }

    /// Redeems an invitation. `now` is the device's clock.
    ///
    /// # Errors
    /// As for [`login`](Self::login).
    pub async fn enroll(
        &self,
        invitation: &Invitation,
        device: &DeviceIdentity,
        username: Option<Username>,
        proof: Proof<'_>,
        now: UnixSeconds,
    ) -> Result<Welcome, Error> {
        let payload = EnrollPayload {
            code: invitation.code.clone(),
            username,
            password: proof.password.clone(),
            device_key: device.key.clone(),
            device_name: device.name.clone(),
            totp: proof.totp.cloned(),
        };
        self.open_login(Purpose::Enroll, path::ENROLL, &payload, now).await
    }

    /// Exchanges the refresh token for a new pair. The token is spent even if the response is lost; a repeated call
    /// with the same idempotency key then returns the pair.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn reauth(&self, refresh_token: &Secret, idempotency_key: IdempotencyKey) -> Result<Tokens, Error> {
        #[derive(serde::Deserialize)]
        struct Reply {
            tokens: Tokens,
        }
        let body = Refresh { refresh_token: refresh_token.clone(), idempotency_key: Some(idempotency_key) };
        let reply: Reply = self.post(path::REAUTH, None, Some(&body)).await?;
        Ok(reply.tokens)
    }

    /// Ends the login and its session.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn logout(&self, refresh_token: &Secret) -> Result<(), Error> {
        let body = Refresh { refresh_token: refresh_token.clone(), idempotency_key: None };
        let _: StatusWord = self.post(path::LOGOUT, None, Some(&body)).await?;
        Ok(())
    }

    /// Requests a session with this WireGuard key.
    ///
    /// # Errors
    /// [`Error::Offer`] if the server's offer is invalid.
    pub async fn initiate(&self, access: &Secret, public_key: PublicKey) -> Result<Connection, Error> {
        let answer: Initiated = self.post(path::INITIATE, Some(access), Some(&Initiate { public_key })).await?;
        Ok(answer.try_into()?)
    }

    /// Requests a lease for an exported device with this key. It stays valid until it is ended.
    ///
    /// # Errors
    /// [`Error::Offer`] if the server's offer is invalid.
    pub async fn export(&self, access: &Secret, public_key: PublicKey) -> Result<Connection, Error> {
        let answer: Initiated = self.post(path::EXPORT, Some(access), Some(&Initiate { public_key })).await?;
        Ok(answer.try_into()?)
    }

    /// Renews the session's lease.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn heartbeat(&self, access: &Secret) -> Result<HeartbeatWord, Error> {
        let answer: HeartbeatStatus = self.post(path::HEARTBEAT, Some(access), None::<&()>).await?;
        Ok(answer.status)
    }

    /// Closes the session and keeps the login.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn disconnect(&self, access: &Secret) -> Result<Disconnected, Error> {
        self.post(path::DISCONNECT, Some(access), None::<&()>).await
    }

    /// Returns the account and the device that the token belongs to.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn me(&self, access: &Secret) -> Result<Profile, Error> {
        self.get(path::ME, Some(access)).await
    }

    /// Returns the account's usage, and what is left of its quota.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn usage(&self, access: &Secret) -> Result<OwnUsage, Error> {
        self.get(path::ME_USAGE, Some(access)).await
    }

    /// Returns a page of the account's sessions.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn sessions(&self, access: &Secret, page: SessionsQuery) -> Result<OwnSessions, Error> {
        let before = page.before.map_or_else(String::new, |before| format!("&before={before}"));
        self.get(&format!("{}?limit={}{before}", path::ME_SESSIONS, page.limit), Some(access)).await
    }

    /// Returns the account's devices.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn devices(&self, access: &Secret) -> Result<OwnDevices, Error> {
        self.get(path::ME_DEVICES, Some(access)).await
    }

    /// Removes a device of the account; its login and its session end.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn remove_device(&self, access: &Secret, device: DeviceId) -> Result<(), Error> {
        let path = path::ME_DEVICE.replace("{id}", &device.to_string());
        let _: StatusWord = self.transport.call(Method::DELETE, &path, Some(access), None::<&()>).await?;
        Ok(())
    }

    /// Creates a secret for an authenticator app. Codes are required once it is confirmed.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn begin_totp(&self, access: &Secret, password: Secret) -> Result<TotpOffer, Error> {
        self.post(path::ME_TOTP, Some(access), Some(&PasswordAgain { password })).await
    }

    /// Confirms the secret with its first code. Returns the recovery codes.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn confirm_totp(&self, access: &Secret, code: Secret) -> Result<RecoveryCodes, Error> {
        self.transport.call(Method::PUT, path::ME_TOTP, Some(access), Some(&FirstCode { code })).await
    }

    /// Removes the second factor.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn end_totp(&self, access: &Secret, password: Secret) -> Result<(), Error> {
        let body = Some(&PasswordAgain { password });
        let _: StatusWord = self.transport.call(Method::DELETE, path::ME_TOTP, Some(access), body).await?;
        Ok(())
    }

    /// Returns the source address of this connection, as the server sees it.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn seen(&self, access: &Secret) -> Result<Seen, Error> {
        self.get(path::SEEN, Some(access)).await
    }

    /// Returns the lanes and their states.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn lanes(&self, access: &Secret) -> Result<Lanes, Error> {
        self.get(path::LANES, Some(access)).await
    }

    /// Opens the event stream of this device's session.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn events(&self, access: &Secret) -> Result<EventStream, Error> {
        self.transport.events(path::EVENTS, access).await
    }

    /// Requests new circuits on the tor lane for new connections of this device.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn new_identity(&self, access: &Secret) -> Result<(), Error> {
        let _: StatusWord = self.post(path::NEW_IDENTITY, Some(access), None::<&()>).await?;
        Ok(())
    }

    /// Returns this device's Tor state: exit, circuit and available countries.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn tor(&self, access: &Secret) -> Result<TorView, Error> {
        self.get(path::TOR, Some(access)).await
    }

    /// Sets the country of this device's Tor exits, or none for any country. It is kept until the next choice.
    ///
    /// # Errors
    /// The server is not reachable, or rejects the call.
    pub async fn choose_exit(&self, access: &Secret, country: Option<CountryCode>) -> Result<(), Error> {
        let body = Some(&ChooseExit { country });
        let _: StatusWord = self.transport.call(Method::PUT, path::TOR_EXIT, Some(access), body).await?;
        Ok(())
    }

    async fn open_login<P: Serialize + Sync>(
        &self,
        purpose: Purpose,
        path: &str,
        payload: &P,
        now: UnixSeconds,
    ) -> Result<Welcome, Error> {
        let info = self.server_info().await?;
        let key = info.login_key.verify(&info.identity, now)?;
        let plain = serde_json::to_vec(payload).map_err(|e| Error::Malformed(e.to_string()))?;
        let plain = Zeroizing::new(plain);
        let (envelope, pending) = seal(&key, purpose, now, &plain)?;
        let reply: LoginReply = self.post(path, None, Some(&LoginBody::V2(Box::new(envelope)))).await?;
        let sealed = match reply {
            LoginReply::V2(sealed) => sealed,
            LoginReply::V1(_) => return Err(Error::Downgrade("a response that is not sealed")),
        };
        let (plain, export) = pending.open_reply(&sealed.reply)?;
        let payload = serde_json::from_slice(&plain).map_err(|e| Error::Malformed(e.to_string()))?;
        Ok(Welcome { payload, export })
    }

    async fn get<O: DeserializeOwned>(&self, path: &str, token: Option<&Secret>) -> Result<O, Error> {
        self.transport.call(Method::GET, path, token, None::<&()>).await
    }

    async fn post<I: Serialize + Sync, O: DeserializeOwned>(
        &self,
        path: &str,
        token: Option<&Secret>,
        body: Option<&I>,
    ) -> Result<O, Error> {
        self.transport.call(Method::POST, path, token, body).await
    }
}

/// Checks that the identity is the pinned one and that it signed exactly this TLS key.
fn check_info(info: &ServerInfo, identity: Fingerprint, tls: Fingerprint) -> Result<(), Error> {
    if info.identity.fingerprint() != identity {
        return Err(Error::WrongServer("its identity differs from the pinned one"));
    }
    let attestation = info.tls.as_ref().ok_or(Error::WrongServer("its identity did not sign a certificate"))?;
    if attestation.spki_sha256 != HEXLOWER.encode(&tls.0) {
        return Err(Error::WrongServer("its identity signed another certificate"));
    }
    info.identity
        .verify(&tls_statement(&attestation.spki_sha256), &attestation.signature)
        .map_err(|_| Error::WrongServer("the signature of its certificate is invalid"))
}
