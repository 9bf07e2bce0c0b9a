//! Which tests of whole servers the suite `cluster` repeats.
//!
//! What is about stored data always; of the others a third that the seed picks. Three seeds in a row pick them all.

use super::binary::Binary;
use super::suite::Suite;
use std::time::{SystemTime, UNIX_EPOCH};

/// Programs whose tests are about what a database stores or what happens when it fails.
const STORED: &[&str] = &[
    "lanes_backup",
    "lanes_export",
    "lanes_faults",
    "lanes_first_tunnel",
    "lanes_import",
    "lanes_original_client",
    "lanes_restore",
    "lanes_rotation",
];
/// One in so many of the others.
const ONE_IN: u64 = 3;

/// How much of it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// All.
    All,
    /// What the seed picks.
    Seed(u64),
}

impl Choice {
    /// All, or by this seed, or by one that differs from run to run.
    pub fn new(all: bool, seed: Option<u64>) -> Self {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if all { Self::All } else { Self::Seed(seed.unwrap_or_else(now)) }
    }

    /// The programs of the suite, and those that are left to other seeds.
    pub fn of(self, binaries: &[Binary]) -> (Vec<&Binary>, Vec<&Binary>) {
        let suite = binaries.iter().filter(|binary| binary.is_in(Suite::Cluster));
        let (mut taken, others): (Vec<_>, Vec<_>) =
            suite.partition(|binary| self == Self::All || !binary.is_repeated() || STORED.contains(&binary.target()));
        let mut left = Vec::new();
        for (place, binary) in (0..).zip(others) {
            let is_picked = matches!(self, Self::Seed(seed) if seed.wrapping_add(place) % ONE_IN == 0);
            if is_picked { taken.push(binary) } else { left.push(binary) }
        }
        (taken, left)
    }

    /// Says which were left out and how to run them.
    pub fn report(self, left: &[&Binary]) {
        if let Self::Seed(seed) = self {
            let names: Vec<&str> = left.iter().map(|binary| binary.target()).collect();
            println!(
                "  seed {seed} (--seed) leaves out, with PostgreSQL and Redis: {}; --all runs them",
                names.join(", ")
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::binary::tests::binary;
    use super::*;

    fn programs() -> Vec<Binary> {
        let lanes =
            ["cluster_health", "lanes_restore", "lanes_names", "lanes_silence", "lanes_hostile", "lanes_device"];
        let tor = ["tor_traffic", "tor_faults"];
        let lanes = lanes.into_iter().map(|name| binary("e2e/lanes", name, true));
        lanes.chain(tor.into_iter().map(|name| binary("e2e/tor", name, true))).collect()
    }

    fn names(choice: Choice) -> Vec<String> {
        choice.of(&programs()).0.iter().map(|binary| binary.target().to_owned()).collect()
    }

    #[test]
    fn what_is_about_databases_always_runs() {
        for seed in [0, 1, 2, 3, u64::MAX] {
            let taken = names(Choice::Seed(seed));
            assert!(["cluster_health", "lanes_restore"].iter().all(|name| taken.iter().any(|taken| taken == name)));
            assert!(taken.len() < programs().len(), "the rest is chosen from");
            assert_eq!(taken, names(Choice::Seed(seed)), "a seed is repeatable");
        }
    }

    #[test]
    fn seeds_in_a_row_cover_everything() {
        let mut taken: Vec<String> = (7..7 + ONE_IN).flat_map(|seed| names(Choice::Seed(seed))).collect();
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), programs().len());
        assert_eq!(names(Choice::All).len(), programs().len());
    }

    #[test]
    fn nothing_is_lost_between_taken_and_left() {
        let programs = programs();
        let (taken, left) = Choice::Seed(5).of(&programs);
        assert_eq!(taken.len() + left.len(), programs.len());
    }
}
