//! How many flows each account keeps when the table fills up. Pure.

use std::collections::BTreeMap;

/// The highest number of flows per account at which all accounts together hold at most `budget`. Accounts below it keep
/// all their flows. `None` if the total is within the budget.
pub(super) fn level<A: Ord>(held: &BTreeMap<A, usize>, budget: usize) -> Option<usize> {
    if held.values().sum::<usize>() <= budget {
        return None;
    }
    let mut counts: Vec<usize> = held.values().copied().collect();
    counts.sort_unstable();
    let mut left = budget;
    for (number, count) in counts.iter().enumerate() {
        let share = left / (counts.len() - number);
        if *count > share {
            return Some(share);
        }
        left -= count;
    }
    None
}

/// How many flows of the lanes fit into the table. The lanes and the host's `others` together use at most three
/// quarters of it, but the lanes always have at least a quarter.
pub(super) fn budget(max: usize, others: usize) -> usize {
    (max / 4 * 3).saturating_sub(others).max(max / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn held(counts: &[usize]) -> BTreeMap<usize, usize> {
        counts.iter().copied().enumerate().collect()
    }

    #[test]
    fn only_the_largest_accounts_lose_flows() {
        assert_eq!(level(&held(&[10, 20, 30]), 60), None);
        assert_eq!(level(&held(&[10, 20, 9_000]), 100), Some(70));
        assert_eq!(level(&held(&[500, 500, 10]), 210), Some(100));
        assert_eq!(budget(1_000, 100), 650);
        assert_eq!(budget(1_000, 990), 250);
    }

    proptest! {
        #[test]
        fn all_accounts_fit_and_no_flow_ends_needlessly(
            counts in proptest::collection::vec(0_usize..5_000, 1..40),
            budget in 0_usize..50_000,
        ) {
            let held = held(&counts);
            let kept: usize = match level(&held, budget) {
                None => counts.iter().sum(),
                Some(level) => {
                    let kept = counts.iter().map(|count| *count.min(&level)).sum::<usize>();
                    prop_assert!(kept + counts.len() > budget, "flows were ended needlessly");
                    kept
                }
            };
            prop_assert!(kept <= budget);
        }
    }
}
