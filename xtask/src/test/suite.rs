//! Suites of test programs, and their limits.

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
    /// The console in Chromium, with invented data and with a whole server; needs root.
    Console,
    /// The Debian packages on Debian machines with systemd; needs root.
    Packages,
    /// The desktop client's window on a display without a screen, with a whole server; needs root.
    Desktop,
    /// The client's programs for Windows, under wine.
    Windows,
    /// Repeats tests of the lanes on an emulated machine whose kernel has WireGuard.
    Kernel,
}

/// A stage of a run: its parts begin when those of the stage before have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Checks and tests of the code alone.
    Code,
    /// Whole servers, machines and browsers.
    Servers,
}

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Self; 2] = [Self::Code, Self::Servers];
}

/// One of the two lists of a stage. The parts of a list run one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    One,
    Other,
}

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
    /// Whether tests with a time limit of their choice take the long one.
    pub is_long: bool,
}

impl Suite {
    /// All suites, in the order in which they run.
    pub const ALL: [Self; 12] = [
        Self::Unit,
        Self::Store,
        Self::Lanes,
        Self::Cluster,
        Self::Tor,
        Self::Faults,
        Self::Fuzz,
        Self::Console,
        Self::Packages,
        Self::Desktop,
        Self::Windows,
        Self::Kernel,
    ];

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
            Self::Console => "console",
            Self::Packages => "packages",
            Self::Desktop => "desktop",
            Self::Windows => "windows",
            Self::Kernel => "kernel",
        }
    }

    /// Whether its tests create network namespaces, which needs root.
    pub const fn needs_root(self) -> bool {
        match self {
            Self::Lanes | Self::Cluster | Self::Tor | Self::Faults | Self::Console | Self::Packages | Self::Desktop => {
                true
            }
            Self::Unit | Self::Store | Self::Fuzz | Self::Windows | Self::Kernel => false,
        }
    }

    /// When it runs, and in which of the two lists that run beside each other then. Whole servers and browsers mostly
    /// wait, so that both lists need no longer than one.
    pub const fn place(self) -> (Stage, List) {
        match self {
            Self::Unit | Self::Fuzz => (Stage::Code, List::One),
            Self::Lanes | Self::Cluster | Self::Tor | Self::Faults | Self::Kernel => (Stage::Servers, List::One),
            Self::Store | Self::Console | Self::Packages | Self::Desktop | Self::Windows => {
                (Stage::Servers, List::Other)
            }
        }
    }

    /// Limits on a machine with this many cores.
    pub fn limits(self, cores: usize) -> Limits {
        // Tests of whole servers and in real time mostly wait, but more than two in parallel delay each other.
        let pair = Limits {
            width: cores.min(2),
            threads: 1,
            within: Duration::from_secs(900),
            profile: "",
            rounds: None,
            is_long: false,
        };
        match self {
            Self::Unit | Self::Fuzz => Limits { width: cores, ..pair },
            // The tests of a program share one PostgreSQL server.
            Self::Store => Limits { width: 1, threads: cores, ..pair },
            Self::Lanes => pair,
            Self::Cluster => Limits { profile: "cluster", ..pair },
            Self::Tor => pair,
            // The number of rounds is configurable, and each round has its own time limit.
            Self::Faults => Limits { width: 1, within: Duration::from_secs(4 * 3600), ..pair },
            // Programs with many pages in a browser, which is slow on a loaded machine. Two of them beside the two of
            // another suite would delay each other.
            Self::Console => Limits { width: 1, within: Duration::from_secs(1800), ..pair },
            // Each test is a machine or two, which mostly wait.
            Self::Packages => Limits { width: 1, threads: cores.min(2), ..pair },
            // One window at a time: a loaded machine draws slowly.
            Self::Desktop => Limits { width: 1, ..pair },
            // The tests share one service.
            Self::Windows | Self::Kernel => Limits { width: 1, ..pair },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_in_real_time_are_not_more_than_two_at_once() {
        for suite in [Suite::Lanes, Suite::Cluster, Suite::Tor] {
            assert_eq!((suite.limits(1).width, suite.limits(2).width, suite.limits(64).width), (1, 2, 2));
        }
        assert_eq!(Suite::Faults.limits(64).width, 1, "its two hundred devices are enough load");
    }
}
