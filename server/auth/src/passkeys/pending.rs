//! Challenges that wait for the answer of an authenticator. In memory: a restart of the service ends them.

use parking_lot::Mutex;
use std::collections::HashMap;
use tornado_contracts::auth::passkeys::Site;
use tornado_shared::model::{OperatorId, UnixSeconds};
use uuid::Uuid;
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyAuthentication, PasskeyRegistration};

/// Time for which a challenge is valid, seconds.
pub const LIFETIME: i64 = 300;
/// Maximum number of challenges for sign-ins, and of those of signed-in operators; the oldest makes room.
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

/// All open challenges. A sign-in can be begun without credentials, so its challenges have their own place and
/// do not displace those of signed-in operators.
#[derive(Default)]
pub struct Pending {
    sign_ins: Mutex<Challenges>,
    signed_in: Mutex<Challenges>,
}

type Challenges = HashMap<Uuid, (UnixSeconds, Challenge)>;

impl Pending {
    /// Adds a challenge.
    pub fn put(&self, id: Uuid, challenge: Challenge, now: UnixSeconds) {
        let all = match challenge.ceremony {
            Ceremony::SignIn { .. } => &self.sign_ins,
            Ceremony::Register { .. } | Ceremony::Confirm { .. } => &self.signed_in,
        };
        let mut all = all.lock();
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
        let (at, challenge) = [&self.sign_ins, &self.signed_in].into_iter().find_map(|all| all.lock().remove(&id))?;
        is_open(at, now).then_some(challenge)
    }
}

/// False also after the clock was set back by more than the lifetime.
fn is_open(at: UnixSeconds, now: UnixSeconds) -> bool {
    now.saturating_sub(at).abs() <= LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;
    use webauthn_rs::prelude::{Url, Webauthn, WebauthnBuilder};

    fn webauthn() -> Webauthn {
        let origin = Url::parse("https://console.example.org").unwrap();
        WebauthnBuilder::new("console.example.org", &origin).unwrap().build().unwrap()
    }

    fn challenge(ceremony: Ceremony) -> Challenge {
        let site = Site { host: "console.example.org".into(), origin: "https://console.example.org".into() };
        Challenge { ceremony, site }
    }

    fn sign_in(webauthn: &Webauthn) -> Challenge {
        let (_, state) = webauthn.start_discoverable_authentication().unwrap();
        challenge(Ceremony::SignIn { state: Box::new(state) })
    }

    #[test]
    fn begun_sign_ins_do_not_displace_a_registration() {
        let (pending, webauthn) = (Pending::default(), webauthn());
        let operator = OperatorId::random();
        let (_, state) = webauthn.start_passkey_registration(operator.0, "ann", "ann", None).unwrap();
        let (registration, first) = (Uuid::new_v4(), Uuid::new_v4());
        pending.put(registration, challenge(Ceremony::Register { operator, state: Box::new(state) }), 0);
        pending.put(first, sign_in(&webauthn), 0);
        for _ in 0..MOST {
            pending.put(Uuid::new_v4(), sign_in(&webauthn), 1);
        }
        assert!(pending.take(first, 1).is_none(), "the oldest makes room");
        assert!(pending.take(registration, 1).is_some());
        assert!(pending.take(registration, 1).is_none(), "a challenge is answered once");
    }

    #[test]
    fn a_challenge_expires() {
        let (pending, id) = (Pending::default(), Uuid::new_v4());
        pending.put(id, sign_in(&webauthn()), 1000);
        assert!(pending.take(id, 1001 + LIFETIME).is_none());
    }
}
