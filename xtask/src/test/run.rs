//! Runs the programs of a suite.

use super::binary::{Binary, Ran};
use super::build::with_lints;
use super::choice::Choice;
use super::guest;
use super::suite::Suite;
use super::tally::Tally;
use super::times::cores;
use super::watch::watch;
use crate::shell::{self, WINDOW};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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

/// Runs a suite's share of the built programs, the longest first.
pub fn run(suite: Suite, binaries: &[Binary], choice: Choice) -> Ran {
    if suite == Suite::Kernel {
        return guest::run(binaries);
    }
    let mut chosen: Vec<&Binary> = binaries.iter().filter(|binary| binary.is_in(suite)).collect();
    if suite == Suite::Cluster {
        let (taken, left) = choice.of(binaries);
        choice.report(&left);
        chosen = taken;
    }
    chosen.sort_by_key(|binary| place(LONGEST, binary.target()));
    let mut limits = suite.limits(cores());
    limits.is_long = choice == Choice::All;
    limits.rounds = limits.is_long.then_some(MANY_ROUNDS);
    let mut sum = Ran::default();
    for ran in side_by_side(limits.width, &chosen, |binary| binary.run(limits)) {
        sum.tally.add(ran.tally);
        sum.tests.extend(ran.tests);
    }
    if suite == Suite::Unit {
        sum.tally.add(doc_examples());
    }
    if sum.tally == Tally::default() {
        println!("no tests found: an empty suite counts as a failure");
        sum.tally = Tally::ONE_FAILED;
    }
    sum
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
                    results.lock().push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner();
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Runs the examples in the documentation of the libraries, with cargo.
fn doc_examples() -> Tally {
    let cargo = with_lints(shell::cargo(&["test", "--workspace", "--exclude", WINDOW, "--doc", "--quiet"]));
    let end = match watch(cargo, Duration::from_secs(600)) {
        Ok(end) => end,
        Err(error) => {
            println!("  examples in the documentation: cannot run: {error:#}");
            return Tally::ONE_FAILED;
        }
    };
    let mut tally = Tally::of_libtest(&end.output).unwrap_or_default();
    let ended_well = end.status.is_some_and(|status| status.success());
    if ended_well != tally.is_green() {
        tally.add(Tally::ONE_FAILED);
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
}
