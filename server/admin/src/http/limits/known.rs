//! Tokens that `auth` accepted a short time ago. Pure: time is an argument, memory is bounded.

use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::time::Duration;
use tornado_shared::model::Secret;

/// Maximum number of tokens.
const MOST: usize = 4096;
/// Time after which a token that was not used is forgotten.
const KEPT: Duration = Duration::from_secs(900);

/// The tokens, as hashes, with the time of their latest use.
#[derive(Default)]
pub struct Known(HashMap<[u8; 32], Duration>);

fn hash(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose().as_bytes()).into()
}

impl Known {
    /// True if the token was accepted a short time before `now`.
    pub fn contains(&self, token: &Secret, now: Duration) -> bool {
        self.0.get(&hash(token)).is_some_and(|at| now.saturating_sub(*at) < KEPT)
    }

    /// Adds a token that was accepted at `now`. Without room for it, it stays unknown.
    pub fn add(&mut self, token: &Secret, now: Duration) {
        let hash = hash(token);
        if self.0.len() >= MOST && !self.0.contains_key(&hash) {
            self.0.retain(|_, at| now.saturating_sub(*at) < KEPT);
            if self.0.len() >= MOST {
                return;
            }
        }
        self.0.insert(hash, now);
    }

    /// Removes a token that was refused.
    pub fn remove(&mut self, token: &Secret) {
        self.0.remove(&hash(token));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_for_a_while_and_until_it_is_refused() {
        let (mut known, token) = (Known::default(), Secret::new("ONE"));
        assert!(!known.contains(&token, Duration::ZERO));
        known.add(&token, Duration::ZERO);
        assert!(known.contains(&token, KEPT - Duration::from_secs(1)));
        assert!(!known.contains(&token, KEPT) && !known.contains(&Secret::new("OTHER"), Duration::ZERO));
        known.remove(&token);
        assert!(!known.contains(&token, Duration::ZERO));
    }

    #[test]
    fn memory_is_bounded_and_recovers() {
        let mut known = Known::default();
        for number in 0..=MOST {
            known.add(&Secret::new(number.to_string()), Duration::ZERO);
        }
        assert_eq!(known.0.len(), MOST);
        let late = Secret::new("late");
        known.add(&late, KEPT);
        assert!(known.contains(&late, KEPT));
    }
}
