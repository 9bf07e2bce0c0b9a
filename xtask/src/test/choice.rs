//! Selects the tests of whole servers that the suite `cluster` repeats.
//!
//! Tests of stored data always run. Of the others, the seed selects a third. Three consecutive seeds select all of
//! them.

use super::binary::Binary;
use super::suite::Suite;
use std::time::{SystemTime, UNIX_EPOCH};

/// Programs that test stored data, or the failure of a database.
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
/// The seed selects one in this many of the other programs.
const ONE_IN: u64 = 3;

/// The selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    All,
    /// The programs that the seed selects.
    Seed(u64),
}

impl Choice {
    /// All programs, or those for this seed, or for one that differs with each run.
    pub fn new(all: bool, seed: Option<u64>) -> Self {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if all { Self::All } else { Self::Seed(seed.unwrap_or_else(now)) }
    }

    /// The selected programs of the suite, and those that are left out.
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

    /// Prints the programs that were left out and how to run them.
    pub fn report(self, left: &[&Binary]) {
        if let Self::Seed(seed) = self {
            let names: Vec<&str> = left.iter().map(|binary| binary.target()).collect();
            println!("  seed {seed} (--seed) skips with PostgreSQL and Redis: {}; --all runs them", names.join(", "));
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
            assert!(taken.len() < programs().len(), "only some of the other programs are selected");
            assert_eq!(taken, names(Choice::Seed(seed)), "the same seed selects the same programs");
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
