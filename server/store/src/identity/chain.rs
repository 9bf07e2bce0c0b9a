//! Hash chain of the audit trail. Pure.

use super::model::{Hash, NewAudit, StoredAudit};
use sha2::{Digest as _, Sha256};

/// The hash before the first row.
pub const BEFORE_FIRST: Hash = [0; 32];

/// SHA-256 over the previous hash, the sequence number and every field. Each field is preceded by its length, so that
/// different rows never produce the same input.
#[must_use]
pub fn row_hash(before: &Hash, seq: i64, row: &NewAudit) -> Hash {
    let mut hash = Sha256::new();
    hash.update(b"tornado-vpn audit row\0");
    hash.update(before);
    hash.update(seq.to_be_bytes());
    hash.update(row.at.to_be_bytes());
    for field in [&row.actor, &row.action, &row.subject, &row.outcome, &row.details] {
        hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(field.as_bytes());
    }
    hash.finalize().into()
}

/// Verifies a trail from its first row on.
#[derive(Debug, Clone)]
pub struct Walk {
    next: i64,
    before: Hash,
}

impl Default for Walk {
    fn default() -> Self {
        Self { next: 1, before: BEFORE_FIRST }
    }
}

/// How a row breaks the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A sequence number is missing.
    #[error("the row is missing")]
    Missing,
    /// The hash does not match the content and the previous hash.
    #[error("the row or its predecessor was changed")]
    Changed,
}

impl Walk {
    /// Verifies the next row.
    ///
    /// # Errors
    /// The sequence number at which the trail is broken, and how.
    pub fn step(&mut self, row: &StoredAudit) -> Result<(), (i64, Break)> {
        if row.seq != self.next {
            return Err((self.next, Break::Missing));
        }
        let expected = row_hash(&self.before, row.seq, &row.content);
        if expected != row.hash {
            return Err((row.seq, Break::Changed));
        }
        self.next += 1;
        self.before = row.hash;
        Ok(())
    }

    /// Sequence number and hash of the last valid row; 0 before the first.
    #[must_use]
    pub const fn reached(&self) -> (i64, Hash) {
        (self.next - 1, self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(actor: &str, action: &str) -> NewAudit {
        NewAudit {
            authority: crate::identity::Authority::Caller,
            at: 1_800_000_000,
            actor: actor.into(),
            action: action.into(),
            subject: "user:bob".into(),
            outcome: "done".into(),
            details: "{}".into(),
        }
    }

    fn trail(rows: &[NewAudit]) -> Vec<StoredAudit> {
        let mut before = BEFORE_FIRST;
        let mut stored = Vec::new();
        for (seq, content) in (1..).zip(rows) {
            let hash = row_hash(&before, seq, content);
            stored.push(StoredAudit { seq, content: content.clone(), hash });
            before = hash;
        }
        stored
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let one = row_hash(&BEFORE_FIRST, 1, &content("ab", "c"));
        assert_ne!(one, row_hash(&BEFORE_FIRST, 1, &content("a", "bc")));
        assert_ne!(one, row_hash(&BEFORE_FIRST, 2, &content("ab", "c")));
    }

    #[test]
    fn every_change_names_the_first_broken_row() {
        let rows: Vec<_> = (0..5).map(|i| content("root", &format!("user.act{i}"))).collect();
        let good = trail(&rows);
        let walk = |rows: &[StoredAudit]| {
            let mut walk = Walk::default();
            rows.iter().try_for_each(|row| walk.step(row)).map(|()| walk.reached().0)
        };
        assert_eq!(walk(&good), Ok(5));
        let mut changed = good.clone();
        changed[2].content.subject = "user:eve".into();
        assert_eq!(walk(&changed), Err((3, Break::Changed)));
        let mut swapped = good.clone();
        swapped.swap(1, 2);
        assert_eq!(walk(&swapped), Err((2, Break::Missing)));
        let mut cut = good.clone();
        cut.remove(3);
        assert_eq!(walk(&cut), Err((4, Break::Missing)));
        // Rewriting all later hashes is detected by the signature over the latest one.
        assert_eq!(walk(&good[..4]), Ok(4));
    }
}
