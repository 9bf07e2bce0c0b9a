//! Counts of test results.

use std::fmt;

/// Prefix of the line with which a test reports why it cannot run; the test then counts as skipped.
const SKIP_MARK: &str = "SKIPPED: ";

/// Numbers of tests by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that succeeded.
    pub passed: u32,
    /// Tests that failed, or whose result is unknown.
    pub failed: u32,
    /// Tests that did not run.
    pub skipped: u32,
}

impl Tally {
    pub const ONE_PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub const ONE_FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    /// A single check that is not possible on this machine.
    pub const ONE_SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };

    /// Adds another tally.
    pub const fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Returns true if nothing failed.
    pub const fn is_green(self) -> bool {
        self.failed == 0
    }

    /// Sums up the `test result:` lines of Rust test programs; `None` if there are none.
    pub fn of_libtest(output: &str) -> Option<Self> {
        let mut sum = None::<Self>;
        for line in output.lines().filter_map(|line| line.strip_prefix("test result: ")) {
            let figure = |name: &str| {
                let part = line.split([';', '.']).find(|part| part.trim().ends_with(name))?;
                part.split_whitespace().next()?.parse::<u32>().ok()
            };
            let one = Self { passed: figure(" passed")?, failed: figure(" failed")?, skipped: figure(" ignored")? };
            sum.get_or_insert_default().add(one);
        }
        let mut sum = sum?;
        let said = u32::try_from(skip_reasons(output).count()).unwrap_or(u32::MAX).min(sum.passed);
        sum.passed -= said;
        sum.skipped += said;
        Some(sum)
    }
}

/// Why tests did not run, as reported by themselves or by `#[ignore = "…"]`.
pub fn reasons(output: &str) -> Vec<String> {
    let ignored = output.lines().filter(|line| line.starts_with("test ") && line.contains(" ... ignored"));
    ignored.map(str::to_owned).chain(skip_reasons(output).map(str::to_owned)).collect()
}

fn skip_reasons(output: &str) -> impl Iterator<Item = &str> {
    output.lines().filter(|line| line.starts_with(SKIP_MARK))
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: &str =
        "test result: FAILED. 8 passed; 1 failed; 2 ignored; 0 measured; 5 filtered out; finished in 0.6s";
    const GREEN: &str = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";

    #[test]
    fn results_are_summed() {
        let sum = Tally::of_libtest(&format!("x\n{RED}\n{GREEN}\n")).unwrap();
        assert_eq!(sum, Tally { passed: 11, failed: 1, skipped: 2 });
        assert!(!sum.is_green());
    }

    #[test]
    fn silence_is_no_result() {
        assert_eq!(Tally::of_libtest("running 3 tests\n"), None);
        assert_eq!(Tally::of_libtest("test result: something else"), None);
    }

    #[test]
    fn a_test_that_says_it_cannot_run_is_not_passed() {
        let sum = Tally::of_libtest(&format!("SKIPPED: no such kernel module\n{GREEN}\n")).unwrap();
        assert_eq!(sum, Tally { passed: 2, failed: 0, skipped: 1 });
    }
}
