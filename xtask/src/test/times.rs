//! Durations of runs, and the load that other programs caused during them.

use nix::sys::resource::{UsageWho, getrusage};
use std::fmt;
use std::time::{Duration, Instant};

/// Number of the slowest tests that are listed.
const SLOWEST: usize = 15;
/// Share of the machine that other programs may use without a warning.
const QUIET: f64 = 0.25;

/// Measures from its creation.
pub struct Stopwatch {
    began: Instant,
    load: f64,
    own: Duration,
    busy: Duration,
}

/// The cost of a run.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    took: Duration,
    /// CPU time of child processes that have ended.
    processor: Duration,
    /// One-minute load averages at start and end.
    load: (f64, f64),
    /// Share of the machine that other programs, or other virtual machines on the same hardware, used; 1 is the whole
    /// machine.
    others: f64,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self { began: Instant::now(), load: load(), own: own(), busy: busy() }
    }

    /// The load average at the start.
    pub const fn load(&self) -> f64 {
        self.load
    }

    /// Ends the measurement.
    pub fn stop(self) -> Cost {
        let took = self.began.elapsed();
        let processor = own().saturating_sub(self.own);
        let foreign = busy().saturating_sub(self.busy).saturating_sub(processor);
        let all = took.as_secs_f64() * f64::from(u32::try_from(cores()).unwrap_or(u32::MAX));
        Cost { took, processor, load: (self.load, load()), others: foreign.as_secs_f64() / all.max(1e-3) }
    }
}

impl Cost {
    /// The duration in whole seconds, in brackets.
    pub fn seconds(&self) -> String {
        format!("({:.0} s)", self.took.as_secs_f64())
    }

    /// A warning if other programs used the machine.
    pub fn warning(&self) -> Option<String> {
        (self.others > QUIET).then(|| {
            format!(
                "THE MACHINE WAS LOADED: other programs used {:.0} % of it; times are not comparable, and they may have caused failures",
                self.others * 100.0
            )
        })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.load;
        let (took, processor) = (self.took.as_secs_f64(), self.processor.as_secs_f64());
        write!(f, "{took:.0} s, {processor:.0} s CPU, load {before:.1} before and {after:.1} after")
    }
}

/// Number of CPU cores.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// Lists the slowest tests, one per line.
pub fn slowest(mut tests: Vec<(String, Duration)>) -> String {
    tests.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
    tests.truncate(SLOWEST);
    tests.iter().map(|(name, took)| format!("{:8.1} s  {name}\n", took.as_secs_f64())).collect()
}

/// The one-minute load average (proc_loadavg(5)); 0 if it cannot be read.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

/// CPU time of this process and of its children that have been reaped.
fn own() -> Duration {
    let of = |who| getrusage(who).map(|usage| [usage.user_time(), usage.system_time()]).into_iter().flatten();
    let times = of(UsageWho::RUSAGE_SELF).chain(of(UsageWho::RUSAGE_CHILDREN));
    times
        .map(|time| Duration::from_micros(u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0)))
        .sum()
}

/// Total time in which the cores were busy.
fn busy() -> Duration {
    busy_of(&std::fs::read_to_string("/proc/stat").unwrap_or_default())
}

/// Parses the first line of proc_stat(5), in hundredths of a second: everything except idle and I/O wait. Guest time is
/// included in `user`.
fn busy_of(stat: &str) -> Duration {
    let figures = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
    let hundredths = figures.enumerate().filter(|(place, _)| ![3, 4].contains(place));
    Duration::from_millis(10 * hundredths.filter_map(|(_, figure)| figure.parse::<u64>().ok()).sum::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_not_busy_time() {
        let stat = "cpu  100 10 20 5000 700 3 4 50 60 7\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy_of(stat), Duration::from_millis(1870));
        assert_eq!(busy_of(""), Duration::ZERO);
    }

    #[test]
    fn a_loaded_machine_is_reported() {
        let (took, processor) = (Duration::from_secs(512), Duration::from_secs(300));
        let cost = Cost { took, processor, load: (0.5, 2.25), others: 0.1 };
        assert_eq!(cost.seconds(), "(512 s)");
        assert_eq!(cost.to_string(), "512 s, 300 s CPU, load 0.5 before and 2.2 after");
        assert_eq!(cost.warning(), None);
        assert!(Cost { others: 0.6, ..cost }.warning().is_some_and(|text| text.contains("60 %")));
    }

    #[test]
    fn the_slowest_come_first() {
        let test = |name: &str, seconds| (name.to_owned(), Duration::from_secs(seconds));
        let list = slowest(vec![test("a", 1), test("b", 30), test("c", 2)]);
        assert_eq!(list, "    30.0 s  b\n     2.0 s  c\n     1.0 s  a\n");
        assert_eq!(slowest((0..40).map(|n| test("x", n)).collect()).lines().count(), SLOWEST);
    }
}
