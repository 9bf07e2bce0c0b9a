//! The device API, method by method.

use crate::error::Error;
use crate::events::EventStream;
use crate::transport::{Options, Transport};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use http::Method;
use serde::{Serialize, de::DeserializeOwned};
use std::net::SocketAddr;
use tornado_shared::api::{
    Attempt, ChooseExit, Disconnected, EnrollPayload, HeartbeatStatus, HeartbeatWord, Initiate, Initiated, Lanes,
    LoginBody, LoginPayload, LoginReply, OwnDevices, OwnSessions, OwnUsage, Profile, Refresh, ServerInfo,
    SessionsQuery, StatusWord, Tokens, TorView, WelcomePayload, path,
};
use tornado_shared::crypto::identity::{Fingerprint, IdentityKey, tls_statement};
use tornado_shared::crypto::v2::{ExportSecret, Purpose, seal};
use tornado_shared::invitation::{Invitation, ServerAddress};
use tornado_shared::model::{CountryCode, DeviceId, DeviceName, PublicKey, Secret, UnixSeconds, Username};
use tornado_shared::offer::Connection;
use zeroize::Zeroizing;

/// A server that proved to be the pinned one. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DeviceApi {
    transport: Transport,
    identity: Fingerprint,
    tls: Fingerprint,
}

/// Who a device says it is when it logs in.
#[derive(Debug, Clone)]
pub struct DeviceIdentity {
    /// The device's stable key, base64url without padding.
    pub key: String,
    /// What the user calls it.
    pub name: DeviceName,
}

impl DeviceIdentity {
    /// The public half of a device's key, with a name.
    #[must_use]
    pub fn new(key: &IdentityKey, name: DeviceName) -> Self {
        Self { key: BASE64URL_NOPAD.encode(&key.public().0.0), name }
    }
}

/// What proves that somebody owns an account.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The password.
    pub password: &'a Secret,
    /// Code of the authenticator, or a recovery code. Servers that want one and get none answer `totp_required`.
    pub totp: Option<&'a Secret>,
}

/// A login that succeeded.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// Account, tokens, device.
    pub payload: WelcomePayload,
    /// The secret from which the preshared keys of this login come.
    pub export: ExportSecret,
}

impl DeviceApi {
    /// A server whose TLS key is known already. Connects at the first call.
    pub fn pinned(
        server: &ServerAddress,
        identity: Fingerprint,
        tls: Fingerprint,
        options: &Options,
    ) -> Result<Self, Error> {
        Ok(Self { transport: Transport::new(server, Some(tls), options)?, identity, tls })
    }

    /// First contact, or the TLS key has changed: learns the key and believes it only when the pinned
    /// identity signed it. Nothing secret is sent before.
    pub async fn discover(server: &ServerAddress, identity: Fingerprint, options: &Options) -> Result<Self, Error> {
        let probe = Transport::new(server, None, options)?;
        let info: ServerInfo = probe.call(Method::GET, path::SERVER, None, None::<&()>).await?;
        let seen = probe.accepted().ok_or(Error::WrongServer("it showed no certificate"))?;
        check_info(&info, identity, seen)?;
        Self::pinned(server, identity, seen, options)
    }

    /// The TLS key that is believed; to be stored beside the identity.
    #[must_use]
    pub const fn tls(&self) -> Fingerprint {
        self.tls
    }

    /// The address of the latest connection that showed the believed TLS key.
    #[must_use]
    pub fn proved(&self) -> Option<SocketAddr> {
        self.transport.proved()
    }

    /// The server's statement, checked against both pins.
    pub async fn server_info(&self) -> Result<ServerInfo, Error> {
        let info: ServerInfo = self.get(path::SERVER, None).await?;
        check_info(&info, self.identity, self.tls)?;
        Ok(info)
    }

    /// Logs in with envelope v2. `now` is the device's clock.
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

    /// Trades the refresh token for a new pair. It is spent by this, whether or not the answer arrives; when it
    /// does not, the same `attempt` repeats the trade.
    pub async fn reauth(&self, refresh_token: &Secret, attempt: Attempt) -> Result<Tokens, Error> {
        #[derive(serde::Deserialize)]
        struct Reply {
            tokens: Tokens,
        }
        let body = Refresh { refresh_token: refresh_token.clone(), attempt: Some(attempt) };
        let reply: Reply = self.post(path::REAUTH, None, Some(&body)).await?;
        Ok(reply.tokens)
    }

    /// Ends the login and its session.
    pub async fn logout(&self, refresh_token: &Secret) -> Result<(), Error> {
        let body = Refresh { refresh_token: refresh_token.clone(), attempt: None };
        let _: StatusWord = self.post(path::LOGOUT, None, Some(&body)).await?;
        Ok(())
    }

    /// Asks for a session with this WireGuard key.
    pub async fn initiate(&self, access: &Secret, public_key: PublicKey) -> Result<Connection, Error> {
        let answer: Initiated = self.post(path::INITIATE, Some(access), Some(&Initiate { public_key })).await?;
        Ok(answer.try_into()?)
    }

    /// Asks for a lease for an ordinary WireGuard app with this key. It lives until it is ended.
    pub async fn export(&self, access: &Secret, public_key: PublicKey) -> Result<Connection, Error> {
        let answer: Initiated = self.post(path::EXPORT, Some(access), Some(&Initiate { public_key })).await?;
        Ok(answer.try_into()?)
    }

    /// Keeps the session alive.
    pub async fn heartbeat(&self, access: &Secret) -> Result<HeartbeatWord, Error> {
        let answer: HeartbeatStatus = self.post(path::HEARTBEAT, Some(access), None::<&()>).await?;
        Ok(answer.status)
    }

    /// Ends the session and keeps the login.
    pub async fn disconnect(&self, access: &Secret) -> Result<Disconnected, Error> {
        self.post(path::DISCONNECT, Some(access), None::<&()>).await
    }

    /// Account and device behind the token.
    pub async fn me(&self, access: &Secret) -> Result<Profile, Error> {
        self.get(path::ME, Some(access)).await
    }

    /// What the account moved, and what is left of its quota.
    pub async fn usage(&self, access: &Secret) -> Result<OwnUsage, Error> {
        self.get(path::ME_USAGE, Some(access)).await
    }

    /// A page of the account's connections.
    pub async fn sessions(&self, access: &Secret, page: SessionsQuery) -> Result<OwnSessions, Error> {
        let before = page.before.map_or_else(String::new, |before| format!("&before={before}"));
        self.get(&format!("{}?limit={}{before}", path::ME_SESSIONS, page.limit), Some(access)).await
    }

    /// The account's devices.
    pub async fn devices(&self, access: &Secret) -> Result<OwnDevices, Error> {
        self.get(path::ME_DEVICES, Some(access)).await
    }

    /// Removes a device of the account; its login and tunnel end.
    pub async fn remove_device(&self, access: &Secret, device: DeviceId) -> Result<(), Error> {
        let path = path::ME_DEVICE.replace("{id}", &device.to_string());
        let _: StatusWord = self.transport.call(Method::DELETE, &path, Some(access), None::<&()>).await?;
        Ok(())
    }

    /// The lanes and whether they are open.
    pub async fn lanes(&self, access: &Secret) -> Result<Lanes, Error> {
        self.get(path::LANES, Some(access)).await
    }

    /// What the server tells this device at once while it has a session.
    pub async fn events(&self, access: &Secret) -> Result<EventStream, Error> {
        self.transport.events(path::EVENTS, access).await
    }

    /// New circuits on the tor lane for what this device begins from now on.
    pub async fn new_identity(&self, access: &Secret) -> Result<(), Error> {
        let _: StatusWord = self.post(path::NEW_IDENTITY, Some(access), None::<&()>).await?;
        Ok(())
    }

    /// The tor lane of this device: where it leaves Tor, by which relays, and what it may choose.
    pub async fn tor(&self, access: &Secret) -> Result<TorView, Error> {
        self.get(path::TOR, Some(access)).await
    }

    /// Chooses the country in which this device leaves Tor; none: anywhere. Kept until the next choice.
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
            LoginReply::V1(_) => return Err(Error::Downgrade("an answer that is not sealed")),
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

/// Identity equals the pin, and vouches for exactly this TLS key.
fn check_info(info: &ServerInfo, identity: Fingerprint, tls: Fingerprint) -> Result<(), Error> {
    if info.identity.fingerprint() != identity {
        return Err(Error::WrongServer("its identity is another"));
    }
    let attestation = info.tls.as_ref().ok_or(Error::WrongServer("its identity vouches for no certificate"))?;
    if attestation.spki_sha256 != HEXLOWER.encode(&tls.0) {
        return Err(Error::WrongServer("its identity vouches for another certificate"));
    }
    info.identity
        .verify(&tls_statement(&attestation.spki_sha256), &attestation.signature)
        .map_err(|_| Error::WrongServer("the signature over its certificate is false"))
}
