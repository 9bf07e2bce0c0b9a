//! Questions to the store about many accounts: some hundreds at once, and a damaged row keeps nobody else waiting.

use tornado_shared::model::UserId;
use tornado_store::StoreError;

/// Accounts at once. One question each would take seconds with thousands of them; all in one would hold the database.
const AT_ONCE: usize = 256;

/// Parts that are still to be asked for.
pub(crate) struct Parts<'a>(Vec<&'a [UserId]>);

impl<'a> Parts<'a> {
    pub fn of(users: &'a [UserId]) -> Self {
        Self(users.chunks(AT_ONCE).collect())
    }

    pub fn next(&mut self) -> Option<&'a [UserId]> {
        self.0.pop()
    }

    /// What comes after a failure: one damaged row fails a whole part, so its halves are asked for again until the row
    /// stands alone. False: the store itself has failed, and would with every other part.
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
        assert!(!parts.go_on(&users, &StoreError::Late), "a store that is away is asked no more");
    }
}
