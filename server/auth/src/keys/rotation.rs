//! The schedule of signing keys: creation, use and removal. Pure.
//!
//! A new key is published for `lead` seconds before it signs, so every verifier has it by then. The previous key
//! verifies until the last token that it signed has expired, so a rotation does not end any login.

use super::stored::SigningKeyFile;
use crate::config::Config;
use std::collections::BTreeSet;
use tornado_contracts::token::TokenKind;
use tornado_shared::model::UnixSeconds;

/// Extra time for which a key is kept, for clock differences, leeway and responses in transit; seconds.
const MARGIN: i64 = 300;

/// Lifetime of a login key, seconds; a successor is created when less than a third of it is left.
const LOGIN_LIFETIME: i64 = 30 * 86_400;

/// Settings of all keys, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Age at which signing keys get successors; 0: rotation is manual.
    pub period: i64,
    /// Time between publication and first use of a new key.
    pub lead: i64,
    /// Lifetime of an access token.
    pub access_lifetime: i64,
    /// Lifetime of a refresh token.
    pub refresh_lifetime: i64,
    /// Lifetime of a login key.
    pub login_lifetime: i64,
}

impl From<&Config> for Schedule {
    fn from(config: &Config) -> Self {
        Self {
            period: config.key_rotation,
            lead: config.key_lead,
            access_lifetime: config.access_lifetime,
            refresh_lifetime: config.refresh_lifetime,
            login_lifetime: LOGIN_LIFETIME,
        }
    }
}

impl Schedule {
    /// Lifetime of a kind of token.
    #[must_use]
    pub const fn lifetime(&self, kind: TokenKind) -> i64 {
        match kind {
            TokenKind::Access => self.access_lifetime,
            TokenKind::Refresh => self.refresh_lifetime,
        }
    }

    /// Time at which every token signed by `key` has expired, if the key stopped signing at `stopped`.
    #[must_use]
    pub fn gone_at(&self, key: &SigningKeyFile, stopped: UnixSeconds) -> UnixSeconds {
        let lifetime = self.lifetime(key.kind).max(key.lifetime);
        stopped.saturating_add(lifetime).saturating_add(MARGIN)
    }
}

/// Keys of one kind, ordered by the time from which they sign.
fn of_kind(keys: &[SigningKeyFile], kind: TokenKind) -> Vec<&SigningKeyFile> {
    let mut keys: Vec<_> = keys.iter().filter(|key| key.kind == kind).collect();
    keys.sort_by_key(|key| (key.active_from(), key.created_at));
    keys
}

/// The key that signs at `now`: the newest one that is active. If none is (the clock was set back), the oldest.
#[must_use]
pub fn current(keys: &[SigningKeyFile], kind: TokenKind, now: UnixSeconds) -> Option<&SigningKeyFile> {
    let keys = of_kind(keys, kind);
    keys.iter().rev().find(|key| key.active_from() <= now).or_else(|| keys.first()).copied()
}

/// Time of a key's removal. `None`: the key has no successor yet.
#[must_use]
pub fn gone_at(keys: &[SigningKeyFile], key: &SigningKeyFile, schedule: &Schedule) -> Option<UnixSeconds> {
    let sorted = of_kind(keys, key.kind);
    let place = sorted.iter().position(|other| other.kid == key.kid)?;
    let next = sorted.get(place + 1)?;
    Some(schedule.gone_at(key, next.active_from()))
}

/// Time of the next scheduled rotation; `None`: rotation is manual.
#[must_use]
pub fn next_rotation(keys: &[SigningKeyFile], schedule: &Schedule) -> Option<UnixSeconds> {
    if schedule.period == 0 {
        return None;
    }
    let newest = |kind| of_kind(keys, kind).last().map(|key| key.created_at);
    let first = [TokenKind::Access, TokenKind::Refresh].into_iter().filter_map(newest).min()?;
    Some(first.saturating_add(schedule.period))
}

/// Pending changes of the signing keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Kinds that get a new key.
    pub make: Vec<TokenKind>,
    /// Ids of keys to remove.
    pub remove: Vec<String>,
}

/// Plans the changes at `now`. `demanded`: the key ids at the time of a requested rotation; a kind that has no other
/// key still needs a new one.
#[must_use]
pub fn plan(
    keys: &[SigningKeyFile],
    demanded: Option<&BTreeSet<String>>,
    now: UnixSeconds,
    schedule: &Schedule,
) -> Plan {
    let due = |kind: &TokenKind| {
        let sorted = of_kind(keys, *kind);
        let Some(newest) = sorted.last() else { return true };
        let old = schedule.period > 0 && now.saturating_sub(newest.created_at) >= schedule.period;
        old || demanded.is_some_and(|before| sorted.iter().all(|key| before.contains(&key.kid)))
    };
    let gone = |key: &&SigningKeyFile| gone_at(keys, key, schedule).is_some_and(|at| at <= now);
    Plan {
        make: [TokenKind::Access, TokenKind::Refresh].into_iter().filter(due).collect(),
        remove: keys.iter().filter(gone).map(|key| key.kid.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400;
    const NOW: UnixSeconds = 1_800_000_000;

    fn schedule() -> Schedule {
        Schedule { period: DAY, lead: 120, access_lifetime: 900, refresh_lifetime: 7 * DAY, login_lifetime: 30 * DAY }
    }

    fn first() -> Vec<SigningKeyFile> {
        [TokenKind::Access, TokenKind::Refresh].map(|kind| SigningKeyFile::random(kind, NOW, 0, 900)).to_vec()
    }

    fn follow(keys: &mut Vec<SigningKeyFile>, now: UnixSeconds) {
        let plan = plan(keys, None, now, &schedule());
        for kind in plan.make {
            keys.push(SigningKeyFile::random(kind, now, schedule().lead, schedule().lifetime(kind)));
        }
        keys.retain(|key| !plan.remove.contains(&key.kid));
    }

    #[test]
    fn an_old_key_verifies_as_long_as_its_longest_token() {
        let mut keys = first();
        let old = keys[1].kid.clone();
        follow(&mut keys, NOW + DAY);
        assert_eq!(keys.len(), 4);
        // Published, not in use yet.
        assert_eq!(current(&keys, TokenKind::Refresh, NOW + DAY + 119).unwrap().kid, old);
        assert_ne!(current(&keys, TokenKind::Refresh, NOW + DAY + 120).unwrap().kid, old);
        let last_token_dies = NOW + DAY + 119 + 7 * DAY;
        let now = last_token_dies + 5;
        assert!(!plan(&keys, None, now, &schedule()).remove.contains(&old));
        assert!(plan(&keys, None, now + MARGIN, &schedule()).remove.contains(&old));
    }

    #[test]
    fn a_demand_is_pending_until_every_kind_has_a_new_key() {
        let mut keys = first();
        let before: BTreeSet<_> = keys.iter().map(|key| key.kid.clone()).collect();
        let pending = |keys: &[SigningKeyFile]| plan(keys, Some(&before), NOW, &schedule()).make;
        assert_eq!(pending(&keys), [TokenKind::Access, TokenKind::Refresh]);
        keys.push(SigningKeyFile::random(TokenKind::Access, NOW, 120, 900));
        assert_eq!(pending(&keys), [TokenKind::Refresh]);
        keys.push(SigningKeyFile::random(TokenKind::Refresh, NOW, 120, 900));
        assert_eq!(pending(&keys), []);
    }

    #[test]
    fn a_clock_that_was_set_back_still_finds_a_key_that_signs() {
        let keys = first();
        assert!(current(&keys, TokenKind::Access, NOW - 10 * DAY).is_some());
        assert!(plan(&keys, None, NOW - 10 * DAY, &schedule()).make.is_empty());
    }

    proptest! {
        #[test]
        fn no_token_outlives_its_key(pauses in proptest::collection::vec(1i64..3 * DAY, 1..60)) {
            let (mut keys, mut now) = (first(), NOW);
            let mut tokens: Vec<(String, UnixSeconds)> = Vec::new();
            for pause in pauses {
                now += pause;
                follow(&mut keys, now);
                for kind in [TokenKind::Access, TokenKind::Refresh] {
                    let signer = current(&keys, kind, now).unwrap();
                    tokens.push((signer.kid.clone(), now + schedule().lifetime(kind)));
                }
                tokens.retain(|(_, expires_at)| *expires_at > now);
                for (kid, _) in &tokens {
                    prop_assert!(keys.iter().any(|key| key.kid == *kid));
                }
                prop_assert!(keys.len() <= 20);
            }
        }
    }
}
