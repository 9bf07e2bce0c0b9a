//! Suites of test programs, and how they run.

use super::binary::{Binary, Ran};
use super::build::with_lints;
use super::choice::Choice;
use super::tally::Tally;
use super::times::cores;
use super::watch::watch;
use crate::shell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A set of tests that need the same environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Tests that need only this process, loopback and files.
    Unit,
    /// The conformance suites of durable and live state.
    Store,
    /// Real packets in network namespaces; needs root.
    Lanes,
    /// Repeats tests of whole servers with PostgreSQL and Redis, and runs those of that profile; needs root.
    Cluster,
    /// The tor lane and the private Tor network for its tests; needs root.
    Tor,
    /// Rounds of faults with two hundred devices, in both profiles; needs root.
    Faults,
    /// Every parser on its corpus. Coverage-guided fuzzing is in `crate::fuzz`.
    Fuzz,
    /// Repeats tests of the lanes on an emulated machine whose kernel has WireGuard.
    Kernel,
}

/// The longest programs, longest first. They start first, so that none of them runs alone at the end. A wrong order
/// only costs time.
const LONGEST: &[&str] = &[
    "tor_faults",
    "tor_switches",
    "lanes_silence",
    "lanes_rotation",
    "cluster_faults",
    "lanes_packets",
    "lanes_faults",
    "tor_bridges",
    "lanes_groups",
    "lanes_restore",
];

/// Rounds of the fault campaign with `--all`.
const MANY_ROUNDS: &str = "100";

/// Limits for the programs of a suite.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Programs that run in parallel.
    pub width: usize,
    /// Test threads per program.
    pub threads: usize,
    /// Time limit of a program.
    pub within: Duration,
    /// Profile of the lab's servers: `cluster`, or empty for embedded.
    pub profile: &'static str,
    /// Rounds of the fault campaign; `None` for its default.
    pub rounds: Option<&'static str>,
}

impl Suite {
    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Store => "store",
            Self::Lanes => "lanes",
            Self::Cluster => "cluster",
            Self::Tor => "tor",
            Self::Faults => "faults",
            Self::Fuzz => "fuzz",
            Self::Kernel => "kernel",
        }
    }

    /// Whether its tests create network namespaces, which needs root.
    pub const fn needs_root(self) -> bool {
        match self {
            Self::Lanes | Self::Cluster | Self::Tor | Self::Faults => true,
            Self::Unit | Self::Store | Self::Fuzz | Self::Kernel => false,
        }
    }

    /// Runs the suite's share of the built programs, the longest first.
    pub fn run(self, binaries: &[Binary], choice: Choice) -> Ran {
        if self == Self::Kernel {
            return super::guest::run(binaries);
        }
        let mut chosen: Vec<&Binary> = binaries.iter().filter(|binary| binary.is_in(self)).collect();
        if self == Self::Cluster {
            let (taken, left) = choice.of(binaries);
            choice.report(&left);
            chosen = taken;
        }
        chosen.sort_by_key(|binary| place(LONGEST, binary.target()));
        let mut limits = self.limits(cores());
        limits.rounds = (choice == Choice::All).then_some(MANY_ROUNDS);
        let mut sum = Ran::default();
        for ran in side_by_side(limits.width, &chosen, |binary| binary.run(limits)) {
            sum.tally.add(ran.tally);
            sum.tests.extend(ran.tests);
        }
        if self == Self::Unit {
            sum.tally.add(doc_examples());
        }
        if sum.tally == Tally::default() {
            println!("no tests found: an empty suite counts as a failure");
            sum.tally = Tally::one_failed();
        }
        sum
    }

    fn limits(self, cores: usize) -> Limits {
        // Tests of whole servers and in real time mostly wait, but more than two in parallel delay each other.
        let pair =
            Limits { width: cores.min(2), threads: 1, within: Duration::from_secs(900), profile: "", rounds: None };
        match self {
            Self::Unit | Self::Fuzz => Limits { width: cores, ..pair },
            // The tests of a program share one PostgreSQL server.
            Self::Store => Limits { width: 1, threads: cores, ..pair },
            Self::Lanes => pair,
            Self::Cluster => Limits { profile: "cluster", ..pair },
            Self::Tor => pair,
            // The number of rounds is configurable, and each round has its own time limit.
            Self::Faults => Limits { width: 1, within: Duration::from_secs(4 * 3600), ..pair },
            Self::Kernel => Limits { width: 1, ..pair },
        }
    }
}

/// The position of a name in a list; the length of the list if it is absent.
fn place(list: &[&str], name: &str) -> usize {
    list.iter().position(|entry| *entry == name).unwrap_or(list.len())
}

/// Processes items with `width` threads, starting in their order. Returns the results in the same order.
pub fn side_by_side<T: Sync, R: Send>(width: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..width.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::SeqCst);
                    let Some(item) = items.get(place) else { return };
                    let result = work(item);
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Runs the examples in the documentation of the libraries, with cargo.
fn doc_examples() -> Tally {
    let cargo = with_lints(shell::cargo(&["test", "--workspace", "--doc", "--quiet"]));
    let end = match watch(cargo, Duration::from_secs(600)) {
        Ok(end) => end,
        Err(error) => {
            println!("  examples in the documentation: cannot run: {error:#}");
            return Tally::one_failed();
        }
    };
    let mut tally = Tally::of_libtest(&end.output).unwrap_or_default();
    let ended_well = end.status.is_some_and(|status| status.success());
    if ended_well != tally.is_green() {
        tally.add(Tally::one_failed());
    }
    if !tally.is_green() {
        println!("{}", end.output);
    }
    println!("  examples in the documentation: {tally} ({:.1} s)", end.took.as_secs_f32());
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<usize> = (0..50).collect();
        assert_eq!(side_by_side(3, &items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(side_by_side(4, &[] as &[usize], |item| *item), Vec::<usize>::new());
    }

    #[test]
    fn as_many_run_at_the_same_time_as_wanted() {
        // Each item waits for the other one: sequential execution would never end.
        let both = std::sync::Barrier::new(2);
        assert_eq!(side_by_side(2, &[1, 2], |item| (both.wait(), *item).1), [1, 2]);
    }

    #[test]
    fn names_outside_of_the_list_come_last() {
        let mut names = ["lanes_new", "lanes_faults", "lanes_silence", "lanes_a"];
        names.sort_by_key(|name| place(LONGEST, name));
        assert_eq!(names, ["lanes_silence", "lanes_faults", "lanes_new", "lanes_a"]);
    }

    #[test]
    fn tests_in_real_time_are_not_more_than_two_at_once() {
        for suite in [Suite::Lanes, Suite::Cluster, Suite::Tor] {
            assert_eq!((suite.limits(1).width, suite.limits(2).width, suite.limits(64).width), (1, 2, 2));
        }
        assert_eq!(Suite::Faults.limits(64).width, 1, "its two hundred devices are enough load");
    }
}
