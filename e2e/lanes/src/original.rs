//! A client that knows only the original's interface: its routes, its fields, its envelope.
//!
//! It shares no code with the product on purpose: it implements the envelope a second time from the description of the
//! wire format, so a mistake in the product's code cannot hide.

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use x25519_dalek::{PublicKey, StaticSecret};

/// A client of the original's interface and the tokens it holds.
#[derive(Debug)]
pub struct OriginalClient {
    http: reqwest::Client,
    base: String,
    /// Access token of the last login or re-authentication.
    pub access_token: String,
    /// Refresh token of the last login or re-authentication.
    pub refresh_token: String,
}

/// A response: status and JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body; `null` if it is not JSON.
    pub body: Value,
}

impl Answer {
    /// Returns the body if the status is 200.
    ///
    /// # Errors
    ///
    /// Fails for any other status.
    pub fn ok(self) -> Result<Value> {
        if self.status == 200 { Ok(self.body) } else { Err(anyhow!("status {}: {}", self.status, self.body)) }
    }
}

impl OriginalClient {
    /// Creates a client for the server at `server`. It accepts any certificate, because it has no way to verify one.
    ///
    /// # Errors
    ///
    /// Fails if the HTTP client cannot be created.
    pub fn new(server: SocketAddr) -> Result<Self> {
        // A second installation in the same process is rejected, which is harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .timeout(Duration::from_secs(20))
            .build()
            .context("cannot create the HTTP client")?;
        Ok(Self { http, base: format!("https://{server}"), access_token: String::new(), refresh_token: String::new() })
    }

    /// Creates a client that speaks plain HTTP, as the original's do unless their user enters `https://`.
    ///
    /// # Errors
    ///
    /// Fails if the HTTP client cannot be created.
    pub fn plain(server: SocketAddr) -> Result<Self> {
        Ok(Self { base: format!("http://{server}"), ..Self::new(server)? })
    }

    /// Sends a `GET` without authentication.
    ///
    /// # Errors
    ///
    /// Fails if there is no response.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        answer(self.http.get(format!("{}{path}", self.base))).await
    }

    /// Sends a `POST` with JSON, and the access token if there is one.
    ///
    /// # Errors
    ///
    /// Fails if there is no response.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let mut request = self.http.post(format!("{}{path}", self.base)).json(body);
        if !self.access_token.is_empty() {
            request = request.bearer_auth(&self.access_token);
        }
        answer(request).await
    }

    /// Sends a `PUT`; see [`Self::post`].
    ///
    /// # Errors
    ///
    /// Fails if there is no response.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self.http.put(format!("{}{path}", self.base)).json(body);
        answer(request.bearer_auth(&self.access_token)).await
    }

    /// Returns the login envelope for a username and a password, encrypted to the server's key.
    ///
    /// # Errors
    ///
    /// Fails if the key cannot be fetched.
    pub async fn envelope(&self, username: &str, password: &str) -> Result<Value> {
        let answer = self.get("/auth/pubkey").await?.ok()?;
        let server = STANDARD.decode(answer["pubkey"].as_str().context("the response has no pubkey")?)?;
        let server =
            <[u8; 32]>::try_from(server).map_err(|_| anyhow!("the server's public key is not 32 bytes long"))?;
        let ephemeral = StaticSecret::from(rand::random::<[u8; 32]>());
        let shared = ephemeral.diffie_hellman(&PublicKey::from(server));
        let mut key = [0u8; 32];
        hkdf::Hkdf::<sha2::Sha256>::new(None, shared.as_bytes())
            .expand(b"tornado-vpn-login-v1", &mut key)
            .map_err(|_| anyhow!("hkdf"))?;
        let nonce: [u8; 12] = rand::random();
        let plaintext = json!({ "username_or_email": username, "password": password }).to_string();
        let cipher = Aes256Gcm::new_from_slice(&key).map_err(|_| anyhow!("invalid AES key length"))?;
        let sealed = cipher.encrypt(&Nonce::from(nonce), plaintext.as_bytes()).map_err(|_| anyhow!("seal"))?;
        Ok(json!({
            "ephemeral_pubkey": STANDARD.encode(PublicKey::from(&ephemeral).as_bytes()),
            "iv": STANDARD.encode(nonce),
            "ciphertext": STANDARD.encode(sealed),
        }))
    }

    /// Logs in and stores the tokens.
    ///
    /// # Errors
    ///
    /// Fails if there is no response. An error response is not a failure.
    pub async fn login(&mut self, username: &str, password: &str) -> Result<Answer> {
        let envelope = self.envelope(username, password).await?;
        let answer = self.post("/auth/login", &envelope).await?;
        self.keep(&answer);
        Ok(answer)
    }

    /// Exchanges the refresh token for a new token pair.
    ///
    /// # Errors
    ///
    /// Fails if there is no response.
    pub async fn reauth(&mut self) -> Result<Answer> {
        let answer = self.post("/auth/reauth", &json!({ "refresh_token": self.refresh_token })).await?;
        self.keep(&answer);
        Ok(answer)
    }

    /// Logs out.
    ///
    /// # Errors
    ///
    /// Fails if there is no response.
    pub async fn logout(&self) -> Result<Answer> {
        self.post("/auth/logout", &json!({ "refresh_token": self.refresh_token })).await
    }

    fn keep(&mut self, answer: &Answer) {
        if answer.status != 200 {
            return;
        }
        let token = |name: &str| answer.body["tokens"][name].as_str().unwrap_or_default().to_owned();
        self.access_token = token("access_token");
        self.refresh_token = token("refresh_token");
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer> {
    let response = request.send().await.context("no response")?;
    let status = response.status().as_u16();
    let body = response.bytes().await.context("the response is incomplete")?;
    Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() })
}
