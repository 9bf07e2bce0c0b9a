//! Challenges that wait for the answer of an authenticator. In memory: a restart of the service ends them.

use parking_lot::Mutex;
use std::collections::HashMap;
use tornado_contracts::auth::passkeys::Site;
use tornado_shared::model::{OperatorId, UnixSeconds};
use uuid::Uuid;
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyAuthentication, PasskeyRegistration};

/// Time for which a challenge is valid, seconds.
pub const LIFETIME: i64 = 300;
/// Maximum number of challenges; the oldest makes room.
const MOST: usize = 1000;

/// What an answer is for.
pub enum Ceremony {
    /// A new passkey.
    Register { operator: OperatorId, state: Box<PasskeyRegistration> },
    /// Confirmation of a sign-in.
    Confirm { sign_in: Uuid, state: Box<PasskeyAuthentication> },
    /// A sign-in.
    SignIn { state: Box<DiscoverableAuthentication> },
}

/// A challenge.
pub struct Challenge {
    pub ceremony: Ceremony,
    pub site: Site,
}

/// All open challenges.
#[derive(Default)]
pub struct Pending(Mutex<HashMap<Uuid, (UnixSeconds, Challenge)>>);

impl Pending {
    /// Adds a challenge.
    pub fn put(&self, id: Uuid, challenge: Challenge, now: UnixSeconds) {
        let mut all = self.0.lock();
        all.retain(|_, (at, _)| is_open(*at, now));
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, (at, _))| *at).map(|(id, _)| *id)
        {
            all.remove(&oldest);
        }
        all.insert(id, (now, challenge));
    }

    /// Removes a challenge, which can be answered once. `None`: it does not exist or has expired.
    pub fn take(&self, id: Uuid, now: UnixSeconds) -> Option<Challenge> {
        let (at, challenge) = self.0.lock().remove(&id)?;
        is_open(at, now).then_some(challenge)
    }
}

/// False also after the clock was set back by more than the lifetime.
fn is_open(at: UnixSeconds, now: UnixSeconds) -> bool {
    now.saturating_sub(at).abs() <= LIFETIME
}
