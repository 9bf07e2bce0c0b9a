//! A built test program: the suites that it belongs to, and how it runs.

use super::suite::{Limits, Suite};
use super::tally::{Tally, reasons};
use super::watch::{End, watch};
use crate::shell;
use serde::Deserialize;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Prefixes of programs that `cluster` does not repeat. `lanes_doctor` and `lanes_upgrade` damage files of the embedded
/// store, as `cluster_health` and `cluster_migrate` do with databases. `lanes_machine` tests what is independent of the
/// profile, `lanes_months` the clock of one machine, and `lanes_idle` measures for a minute.
const EMBEDDED_ONLY: &[&str] =
    &["lanes_doctor", "lanes_machine", "lanes_metrics", "lanes_months", "lanes_idle", "lanes_upgrade"];

/// Environment variable with the number of rounds of the fault campaign.
const ROUNDS: &str = "TORNADO_FAULT_ROUNDS";

/// Environment variable that is set for a run that shortens nothing.
const LONG: &str = "TORNADO_TEST_ALL";

/// A built test program.
#[derive(Debug, Clone)]
pub struct Binary {
    package: String,
    target: String,
    is_integration: bool,
    program: PathBuf,
    package_dir: PathBuf,
}

/// The result of a run.
#[derive(Default)]
pub struct Ran {
    /// The results of its tests.
    pub tally: Tally,
    /// Each test with its duration, if known.
    pub tests: Vec<(String, Duration)>,
}

impl From<Tally> for Ran {
    fn from(tally: Tally) -> Self {
        Self { tally, tests: Vec::new() }
    }
}

impl Binary {
    /// Parses a line of cargo's `--message-format json`.
    pub fn of(line: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Message {
            reason: String,
            manifest_path: Option<PathBuf>,
            target: Option<Target>,
            profile: Option<Profile>,
            executable: Option<PathBuf>,
        }
        #[derive(Deserialize)]
        struct Target {
            name: String,
            kind: Vec<String>,
        }
        #[derive(Deserialize)]
        struct Profile {
            test: bool,
        }
        let message: Message = serde_json::from_str(line).ok()?;
        let target = message.target?;
        if message.reason != "compiler-artifact" || !message.profile?.test {
            return None;
        }
        let package_dir = message.manifest_path?.parent()?.to_owned();
        Some(Self {
            package: package_dir.strip_prefix(shell::root()).unwrap_or(&package_dir).display().to_string(),
            target: target.name,
            is_integration: target.kind.iter().any(|kind| kind == "test"),
            program: message.executable?,
            package_dir,
        })
    }

    /// Package and name.
    pub fn name(&self) -> String {
        format!("{} {}", self.package, self.target)
    }

    /// Name without the package.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns true if this is the given integration test of the given package.
    pub fn is(&self, package: &str, target: &str) -> bool {
        self.is_integration && self.package == package && self.target == target
    }

    /// Path of the program.
    pub fn program(&self) -> &std::path::Path {
        &self.program
    }

    /// Whether a suite runs this program. Tests of whole servers belong to two suites.
    pub fn is_in(&self, suite: Suite) -> bool {
        self.suite() == suite || (suite == Suite::Cluster && self.is_repeated())
    }

    /// Whether it belongs to another suite and `cluster` repeats it.
    pub fn is_repeated(&self) -> bool {
        self.is_integration
            && ["e2e/lanes", "e2e/tor"].contains(&self.package.as_str())
            && !EMBEDDED_ONLY.iter().any(|prefix| self.target.starts_with(prefix))
            && self.suite() != Suite::Cluster
    }

    fn suite(&self) -> Suite {
        let is_of = |package: &str, prefix: &str| {
            self.package == package || (self.is_integration && self.target.starts_with(prefix))
        };
        if self.is_integration && self.target.starts_with("cluster_") {
            Suite::Cluster
        } else if is_of("e2e/lanes", "lanes_") {
            Suite::Lanes
        } else if is_of("e2e/tor", "tor_") {
            Suite::Tor
        } else if self.is_integration && self.target.starts_with("faults_") {
            Suite::Faults
        } else if self.is_integration && self.target.starts_with("console_") {
            Suite::Console
        } else if self.is_integration && self.target.starts_with("packages_") {
            Suite::Packages
        } else if self.is_integration && self.target.starts_with("windows_") {
            Suite::Windows
        } else if self.package == "desktop/gui" || (self.is_integration && self.target.starts_with("desktop_")) {
            Suite::Desktop
        } else if self.is("fuzz", "corpus") {
            Suite::Fuzz
        } else if ["server/store", "server/live"].contains(&self.package.as_str()) {
            Suite::Store
        } else {
            Suite::Unit
        }
    }

    /// Runs the program and prints one line, or its complete output if a test failed. Several programs may run in
    /// parallel.
    pub fn run(&self, limits: Limits) -> Ran {
        self.run_with(limits, |program| Command::new(program))
    }

    /// As [`run`](Self::run), with the command that `start` makes of the program's path.
    pub fn run_with(&self, limits: Limits, start: impl FnOnce(&std::path::Path) -> Command) -> Ran {
        let end = match self.watch(limits, start) {
            Ok(end) => end,
            Err(error) => {
                println!("  {}: cannot run: {error:#}", self.name());
                return Tally::ONE_FAILED.into();
            }
        };
        let (tally, fault) = judge(&end, limits);
        let mut text = String::new();
        if !tally.is_green() {
            // Print only the output of failed tests, if there is such a section.
            let said = end.output.split_once("\nfailures:\n").map_or(end.output.as_str(), |(_, said)| said);
            text.push_str(&format!("{said}\n"));
        }
        for reason in reasons(&end.output) {
            text.push_str(&format!("  {reason}\n"));
        }
        if tally != Tally::default() {
            let fault = fault.map(|fault| format!(": {fault}")).unwrap_or_default();
            // A single call, because another program may report at the same time.
            println!("{text}  {}: {tally} ({:.1} s){fault}", self.name(), end.took.as_secs_f32());
        }
        // With several threads the duration of a test is unknown.
        let tests = if limits.threads == 1 { end.tests } else { Vec::new() };
        let tests = tests.into_iter().map(|(test, took)| (format!("{} {test}", self.name()), took)).collect();
        Ran { tally, tests }
    }

    fn watch(&self, limits: Limits, start: impl FnOnce(&std::path::Path) -> Command) -> anyhow::Result<End> {
        let mut command = start(&self.program);
        command.args(["--show-output", "--test-threads", &limits.threads.to_string()]);
        // As cargo does. A snapshot that differs is a failure; no new file is written.
        command.current_dir(&self.package_dir).env("CARGO_MANIFEST_DIR", &self.package_dir);
        command.env("INSTA_UPDATE", "no").env("TORNADO_TEST_PROFILE", limits.profile);
        if let Some(rounds) = limits.rounds.filter(|_| std::env::var_os(ROUNDS).is_none()) {
            command.env(ROUNDS, rounds);
        }
        if limits.is_long {
            command.env(LONG, "1");
        }
        watch(command, limits.within)
    }
}

/// The counts, and a fault of the program besides failed tests.
fn judge(end: &End, limits: Limits) -> (Tally, Option<String>) {
    let counted = Tally::of_libtest(&end.output);
    let fault = match (end.status, counted) {
        (None, _) => {
            let test = end.interrupted.as_ref().map(|test| format!(" in {test}")).unwrap_or_default();
            Some(format!("killed after {:?}{test}", limits.within))
        }
        (Some(status), None) => Some(format!("ended with {status} without a result")),
        (Some(status), Some(tally)) if status.success() != tally.is_green() => {
            Some(format!("ended with {status}, but reported {tally}"))
        }
        (Some(_), Some(_)) => None,
    };
    let mut tally = counted.unwrap_or_default();
    if fault.is_some() {
        tally.add(Tally::ONE_FAILED);
    }
    (tally, fault)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn binary(package: &str, target: &str, is_integration: bool) -> Binary {
        let (package, target) = (package.to_owned(), target.to_owned());
        Binary { package, target, is_integration, program: PathBuf::new(), package_dir: PathBuf::new() }
    }

    #[test]
    fn every_program_belongs_to_one_suite() {
        assert_eq!(binary("server/auth", "tornado_auth", false).suite(), Suite::Unit);
        assert_eq!(binary("server/store", "conformance", true).suite(), Suite::Store);
        assert_eq!(binary("server/live", "tornado_live", false).suite(), Suite::Store);
        assert_eq!(binary("server/wg", "lanes_userspace", true).suite(), Suite::Lanes);
        assert_eq!(binary("server/store", "lanes_crash", true).suite(), Suite::Lanes);
        assert_eq!(binary("e2e/lanes", "first_tunnel", true).suite(), Suite::Lanes);
        assert!(binary("e2e/lanes", "lanes_faults", true).is_in(Suite::Cluster), "in both profiles");
        assert_eq!(binary("e2e/lanes", "cluster_faults", true).suite(), Suite::Cluster);
        for name in ["lanes_doctor", "lanes_machine", "lanes_machine_bare"] {
            assert!(!binary("e2e/lanes", name, true).is_in(Suite::Cluster), "it runs only in the profile embedded");
            assert!(binary("e2e/lanes", name, true).is_in(Suite::Lanes));
        }
        assert!(binary("e2e/tor", "tor_faults", true).is_in(Suite::Tor), "the tor lane as well");
        assert!(binary("e2e/tor", "tor_faults", true).is_in(Suite::Cluster));
        assert!(!binary("e2e/tor", "tornado_e2e_tor", false).is_in(Suite::Cluster));
        assert!(!binary("server/wg", "lanes_userspace", true).is_in(Suite::Cluster));
        assert_eq!(binary("e2e/harness", "tor_network", true).suite(), Suite::Tor);
        assert_eq!(binary("e2e/tor", "support", false).suite(), Suite::Tor);
        assert_eq!(binary("server/tor", "tor_process", true).suite(), Suite::Tor);
        assert_eq!(binary("e2e/faults", "faults_campaign", true).suite(), Suite::Faults);
        assert_eq!(binary("e2e/faults", "tornado_e2e_faults", false).suite(), Suite::Unit);
        assert_eq!(binary("e2e/console", "console_gallery", true).suite(), Suite::Console);
        assert_eq!(binary("e2e/packages", "packages_server", true).suite(), Suite::Packages);
        assert_eq!(binary("e2e/desktop-gui", "desktop_window", true).suite(), Suite::Desktop);
        assert_eq!(binary("desktop/gui", "tornado-gui", false).suite(), Suite::Desktop);
        assert_eq!(binary("desktop/ui", "tornado_desktop_ui", false).suite(), Suite::Unit);
        assert_eq!(binary("e2e/windows", "windows_client", true).suite(), Suite::Windows);
        assert_eq!(binary("fuzz", "corpus", true).suite(), Suite::Fuzz);
        assert_eq!(binary("fuzz", "tornado_fuzz", false).suite(), Suite::Unit);
        // A library is not assigned to a suite by its name.
        assert_eq!(binary("server/tor", "tor_lane", false).suite(), Suite::Unit);
    }

    #[test]
    fn only_test_programs_are_taken_from_cargos_messages() {
        let line = |test: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/x/Cargo.toml","target":{{"name":"t","kind":["test"]}},"profile":{{"test":{test}}},"executable":"/x/t"}}"#
            )
        };
        assert!(Binary::of(&line(true)).is_some_and(|b| b.is_integration));
        assert!(Binary::of(&line(false)).is_none());
        assert!(Binary::of(r#"{"reason":"build-finished","success":true}"#).is_none());
    }
}
