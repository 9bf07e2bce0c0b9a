//! A device that uses the device API without a tunnel, and records the responses.

use crate::chance::Chance;
use crate::world::SET_BACK;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tornado_e2e_lanes::original::{Answer, OriginalClient};
use tornado_e2e_lanes::world::PASSWORD;

/// The behaviour of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Connects once, and then only sends heartbeats and refreshes its tokens.
    Steady,
    /// Connects, disconnects, refreshes and logs in again at random.
    Restless,
}

/// The responses that a device received, to compare with the server's state.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// The account.
    pub username: String,
    /// Sessions that were opened by a successful connect.
    pub opened: BTreeSet<String>,
    /// Sessions that a successful disconnect has ended.
    pub ended: BTreeSet<String>,
    /// Number of connects without a success; each may have left a row.
    pub unanswered: usize,
    /// The session that the device believes to have, and its address on the direct lane.
    pub current: Option<(String, String)>,
    /// A request since then got no response, so the session may have ended.
    pub doubtful: bool,
    /// Responses that a steady device should never receive.
    pub losses: Vec<String>,
    /// Number of successful logins.
    pub logins: u32,
    /// Description of the latest failure, for diagnosis.
    pub trouble: String,
}

/// A device of the campaign, with its helper and traffic.
#[derive(Debug)]
pub struct Device {
    client: OriginalClient,
    habit: Habit,
    chance: Chance,
    /// Kept until a connect succeeds, so that a retry is the same connect.
    key: String,
    /// Idempotency key of the refresh in progress.
    attempt: Option<String>,
    logged_in: bool,
    /// Value of [`SET_BACK`] when the device received its tokens.
    set_back: u32,
    journal: Arc<Mutex<Journal>>,
}

/// Draws an idempotency key.
fn attempt() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
}

/// Draws a public key that a server accepts: a Curve25519 coordinate never has its highest bit set.
fn public_key() -> String {
    let mut key = rand::random::<[u8; 32]>();
    key[31] &= 0x7f;
    STANDARD.encode(key)
}

impl Device {
    /// A device with an account that is not logged in.
    ///
    /// # Errors
    ///
    /// Fails if no HTTP client can be created.
    pub fn new(server: SocketAddr, username: &str, habit: Habit, chance: Chance) -> anyhow::Result<Self> {
        let journal = Journal { username: username.to_owned(), ..Journal::default() };
        Ok(Self {
            client: OriginalClient::new(server)?,
            habit,
            chance,
            key: public_key(),
            attempt: None,
            logged_in: false,
            set_back: 0,
            journal: Arc::new(Mutex::new(journal)),
        })
    }

    /// The journal, which the device continues to write.
    #[must_use]
    pub fn journal(&self) -> Arc<Mutex<Journal>> {
        self.journal.clone()
    }

    /// The pause before the next action. A server that responds slowly gets fewer requests.
    pub fn pause(&mut self, last: Duration) -> Duration {
        self.chance.millis(1_500, 5_500) + last * 2
    }

    /// Performs the next action.
    pub async fn act(&mut self) {
        if !self.logged_in {
            return self.log_in().await;
        }
        if self.journal.lock().current.is_none() {
            return self.connect().await;
        }
        match (self.habit, self.chance.below(100)) {
            (Habit::Steady, 0..8) | (Habit::Restless, 0..15) => self.trade().await,
            (Habit::Restless, 15..45) => self.disconnect().await,
            (Habit::Restless, 45..55) => self.connect().await,
            (Habit::Steady | Habit::Restless, _) => self.heartbeat().await,
        }
    }

    async fn log_in(&mut self) {
        let name = self.journal.lock().username.clone();
        self.journal.lock().doubtful = true;
        // The former token belongs to a login that has ended.
        self.client.access_token.clear();
        let set_back = SET_BACK.load(Ordering::SeqCst);
        match self.client.login(&name, PASSWORD).await {
            Ok(answer) if answer.status == 200 => {
                self.journal.lock().logins += 1;
                self.logged_in = true;
                self.set_back = set_back;
                self.attempt = None;
                self.journal.lock().current = None;
            }
            other => self.complain("a login", &other),
        }
    }

    async fn connect(&mut self) {
        match self.client.post("/vpn/initiate", &json!({ "public_key": self.key })).await {
            Ok(answer) if answer.status == 200 => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (session, address) = (text(&answer.body["session_id"]), text(&answer.body["vpn"]["ip"]));
                let mut journal = self.journal.lock();
                journal.opened.insert(session.clone());
                journal.current = Some((session, address));
                journal.doubtful = false;
            }
            other => {
                {
                    let mut journal = self.journal.lock();
                    journal.unanswered += 1;
                    journal.doubtful = true;
                }
                self.weigh(other, "a connect").await;
            }
        }
    }

    async fn disconnect(&mut self) {
        match self.client.post("/v2/session/disconnect", &json!({})).await {
            Ok(answer) if answer.status == 200 => {
                let mut journal = self.journal.lock();
                if let Some(session) = answer.body["session_id"].as_str() {
                    journal.ended.insert(session.to_owned());
                }
                journal.current = None;
                drop(journal);
                self.key = public_key();
                // Half of the devices log in again with the password.
                self.logged_in = self.chance.below(2) == 0;
            }
            other => {
                self.journal.lock().doubtful = true;
                self.weigh(other, "a disconnect").await;
            }
        }
    }

    async fn heartbeat(&mut self) {
        let answer = self.client.post("/session/heartbeat", &json!({})).await;
        if !matches!(&answer, Ok(answer) if answer.status == 200) {
            self.weigh(answer, "a heartbeat").await;
        }
    }

    /// Refreshes the tokens. The idempotency key stays the same until there is a response, so that a refresh with a
    /// lost response can be repeated.
    async fn trade(&mut self) {
        let set_back = SET_BACK.load(Ordering::SeqCst);
        let attempt = self.attempt.get_or_insert_with(attempt).clone();
        let body = json!({ "refresh_token": self.client.refresh_token, "idempotency_key": attempt });
        match self.client.post("/auth/reauth", &body).await {
            Ok(answer) if answer.status == 200 => {
                let token = |name: &str| answer.body["tokens"][name].as_str().unwrap_or_default().to_owned();
                self.client.access_token = token("access_token");
                self.client.refresh_token = token("refresh_token");
                self.set_back = set_back;
                self.attempt = None;
            }
            Ok(answer) if answer.status == 401 => self.lose(&answer, "a refresh"),
            // A temporary failure; the key is kept.
            other => self.complain("a refresh", &other),
        }
    }

    /// Interprets a failure. Temporary failures have no consequence.
    async fn weigh(&mut self, answer: anyhow::Result<Answer>, what: &str) {
        self.complain(what, &answer);
        let Ok(answer) = answer else { return };
        let text = answer.body.to_string();
        match answer.status {
            401 if text.contains("expired") => self.trade().await,
            // The token is from before the clock was set back. A single refresh suffices, because the new token is from
            // after that.
            401 if text.contains("invalid_token") && self.set_back != SET_BACK.load(Ordering::SeqCst) => {
                self.trade().await
            }
            401 => self.lose(&answer, what),
            400 if text.contains("session") => {
                self.regret(&answer, what);
                self.journal.lock().current = None;
            }
            _ => {}
        }
    }

    fn complain(&self, what: &str, answer: &anyhow::Result<Answer>) {
        let said = match answer {
            Ok(answer) => format!("{}: {}", answer.status, answer.body),
            Err(error) => format!("{error:#}"),
        };
        self.journal.lock().trouble = format!("{what}: {said}");
    }

    fn lose(&mut self, answer: &Answer, what: &str) {
        self.regret(answer, what);
        self.logged_in = false;
        self.journal.lock().doubtful = true;
    }

    fn regret(&self, answer: &Answer, what: &str) {
        if self.habit == Habit::Steady {
            self.journal.lock().losses.push(format!("{what} was answered with {}: {}", answer.status, answer.body));
        }
    }
}
