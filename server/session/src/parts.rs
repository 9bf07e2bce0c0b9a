//! Batches of store queries for many accounts. A damaged row does not block other accounts.

use tornado_shared::model::UserId;
use tornado_store::StoreError;

/// Accounts per query. One query per account would take seconds for thousands; a single query for all would block the
/// database.
const AT_ONCE: usize = 256;

/// Batches that are still to be queried.
pub(crate) struct Parts<'a>(Vec<&'a [UserId]>);

impl<'a> Parts<'a> {
    pub fn of(users: &'a [UserId]) -> Self {
        Self(users.chunks(AT_ONCE).collect())
    }

    pub fn next(&mut self) -> Option<&'a [UserId]> {
        self.0.pop()
    }

    /// Handles a failed batch. One damaged row fails the whole batch, so the batch is split in half until the row is
    /// alone. Returns false if the store itself failed and would fail again.
    pub fn go_on(&mut self, part: &'a [UserId], error: &StoreError) -> bool {
        if !error.is_damage() {
            return false;
        }
        if part.len() > 1 {
            let (first, second) = part.split_at(part.len() / 2);
            self.0.extend([first, second]);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn everybody_but_the_damaged_is_reached() {
        let users: Vec<_> = (0..1000).map(|_| UserId::random()).collect();
        let damaged: HashSet<_> = [users[3], users[255], users[999]].into();
        let (mut reached, mut asked) = (HashSet::new(), 0);
        let mut parts = Parts::of(&users);
        while let Some(part) = parts.next() {
            asked += 1;
            if part.iter().any(|user| damaged.contains(user)) {
                assert!(parts.go_on(part, &StoreError::Damaged("base")));
            } else {
                reached.extend(part.iter().copied());
            }
        }
        assert_eq!((reached.len(), reached.is_disjoint(&damaged)), (997, true));
        assert!(asked < 60, "{asked}");
        assert!(!parts.go_on(&users, &StoreError::Late), "a store that failed is not queried again");
    }
}
