//! A device of the load: its requests to the server, and the state it keeps.

use crate::http::Caller;
use anyhow::{Context as _, bail};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use tornado_shared::api::{LoginBody, LoginPayload, LoginReply, ServerInfo, WelcomePayload, path};
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::login_key::VerifiedLoginKey;
use tornado_shared::crypto::v2::{Purpose, seal};
use tornado_shared::model::Secret;

/// Password of every account.
pub const PASSWORD: &str = "correct horse battery";

/// A device with an account.
#[derive(Debug, Clone)]
pub struct Device {
    username: String,
    /// Public half of its stable key, encoded as in requests.
    key: String,
    /// Access token of its login; `None` before the login.
    token: Option<String>,
}

impl Device {
    /// A device that is not logged in.
    pub fn new(username: String) -> Self {
        Self { username, key: BASE64URL_NOPAD.encode(&IdentityKey::random().public().0.0), token: None }
    }

    /// Logs in with envelope v2, as our own client does.
    pub async fn log_in(&mut self, caller: &mut Caller, key: &VerifiedLoginKey) -> anyhow::Result<()> {
        let payload = LoginPayload {
            username_or_email: self.username.clone(),
            password: Secret::new(PASSWORD),
            device_key: self.key.clone(),
            device_name: "one of many".parse()?,
            totp: None,
        };
        let (envelope, pending) = seal(key, Purpose::Login, now(), &serde_json::to_vec(&payload)?)?;
        let body = serde_json::to_string(&LoginBody::V2(Box::new(envelope)))?;
        let answer = caller.call("POST", path::LOGIN, None, &body).await?;
        let LoginReply::V2(sealed) = serde_json::from_slice(&answer)? else { bail!("the response is not encrypted") };
        let (plain, _) = pending.open_reply(&sealed.reply)?;
        let welcome: WelcomePayload = serde_json::from_slice(&plain)?;
        self.token = Some(welcome.tokens.access_token.expose().to_owned());
        Ok(())
    }

    /// Connects with a new WireGuard key.
    pub async fn connect(&mut self, caller: &mut Caller) -> anyhow::Result<()> {
        let mut key: [u8; 32] = rand::random();
        // A reduced coordinate, as in every generated key.
        key[31] &= 0x3f;
        let body = json!({ "public_key": BASE64.encode(&key) }).to_string();
        caller.call("POST", path::INITIATE, Some(self.token()?), &body).await.map(drop)
    }

    /// Sends a heartbeat.
    pub async fn heartbeat(&self, caller: &mut Caller) -> anyhow::Result<()> {
        caller.call("POST", path::HEARTBEAT, Some(self.token()?), "").await.map(drop)
    }

    /// Closes the session.
    pub async fn disconnect(&self, caller: &mut Caller) -> anyhow::Result<()> {
        caller.call("POST", path::DISCONNECT, Some(self.token()?), "").await.map(drop)
    }

    fn token(&self) -> anyhow::Result<&str> {
        self.token.as_deref().context("the device is not logged in")
    }
}

/// Fetches and verifies the key to which logins are encrypted.
pub async fn login_key(caller: &mut Caller) -> anyhow::Result<VerifiedLoginKey> {
    let info: ServerInfo = serde_json::from_slice(&caller.call("GET", path::SERVER, None, "").await?)?;
    Ok(info.login_key.verify(&info.identity, now())?)
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}
