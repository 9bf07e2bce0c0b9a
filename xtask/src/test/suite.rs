//! Suites of test programs: which belong to which, and running them.

use super::tally::{Tally, reasons};
use crate::shell;
use anyhow::Context as _;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;
use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// A set of tests that need the same surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// All that needs nothing but this process, loopback and files.
    Unit,
    /// The conformance suites of durable and live state.
    Store,
    /// Real packets in network namespaces; needs root.
    Lanes,
    /// The tests of whole servers once more with PostgreSQL and Redis, and what only that profile has; needs root.
    Cluster,
    /// The tor lane and the private Tor network it is tested on; needs root.
    Tor,
    /// Rounds of faults under two hundred devices, in both profiles; needs root.
    Faults,
    /// Tests of the lanes once more, on an emulated machine whose kernel has WireGuard.
    Kernel,
}

/// Breaks files of the embedded store; `cluster_health` breaks the databases of the other profile.
const EMBEDDED_ONLY: &str = "lanes_doctor";

/// A built test program.
#[derive(Debug, Clone)]
pub struct Binary {
    package: String,
    target: String,
    is_integration: bool,
    program: PathBuf,
    package_dir: PathBuf,
}

/// Builds every program and every test once, with the features all of them share.
pub fn build() -> anyhow::Result<Vec<Binary>> {
    let words = ["build", "--workspace", "--all-targets", "--message-format", "json-render-diagnostics"];
    let mut command = shell::cargo(&words);
    command.stderr(Stdio::inherit());
    let mut binaries: Vec<Binary> = shell::read(command)?.lines().filter_map(Binary::of).collect();
    binaries.sort_by(|a, b| (&a.package, &a.target).cmp(&(&b.package, &b.target)));
    Ok(binaries)
}

impl Binary {
    /// Reads a line of cargo's `--message-format json`.
    fn of(line: &str) -> Option<Self> {
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

    /// True for this test program of this package.
    pub fn is(&self, package: &str, target: &str) -> bool {
        self.is_integration && self.package == package && self.target == target
    }

    /// Where it is.
    pub fn program(&self) -> &std::path::Path {
        &self.program
    }

    /// Whether a suite runs it. Tests of whole servers belong to two.
    fn is_in(&self, suite: Suite) -> bool {
        let again = self.is_integration
            && ["e2e/lanes", "e2e/tor"].contains(&self.package.as_str())
            && self.target != EMBEDDED_ONLY;
        self.suite() == suite || (suite == Suite::Cluster && again)
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
        } else if ["server/store", "server/live"].contains(&self.package.as_str()) {
            Suite::Store
        } else {
            Suite::Unit
        }
    }

    /// Runs it and prints one line, or all it said when something failed.
    fn run(&self, limits: Limits) -> Tally {
        let started = Instant::now();
        let name = format!("{} {}", self.package, self.target);
        let end = match self.watch(limits) {
            Ok(end) => end,
            Err(error) => {
                println!("{name}: cannot be run: {error:#}");
                return Tally::one_failed();
            }
        };
        let counted = Tally::of_libtest(&end.output);
        let fault = match (end.status, counted) {
            (None, _) => Some(format!("still ran after {:?} and was killed", limits.within)),
            (Some(status), None) => Some(format!("ended with {status} and reported no result")),
            (Some(status), Some(tally)) if status.success() != tally.is_green() => {
                Some(format!("ended with {status} though it counted {tally}"))
            }
            (Some(_), Some(_)) => None,
        };
        let mut tally = counted.unwrap_or_default();
        if fault.is_some() {
            tally.add(Tally::one_failed());
        }
        if !tally.is_green() {
            // What the others said is only in the way, unless it is all there is.
            println!("{}", end.output.split_once("\nfailures:\n").map_or(end.output.as_str(), |(_, said)| said));
        }
        for reason in reasons(&end.output) {
            println!("  {reason}");
        }
        if tally == Tally::default() {
            return tally;
        }
        let fault = fault.map(|fault| format!(": {fault}")).unwrap_or_default();
        println!("  {name}: {tally} ({:.1} s){fault}", started.elapsed().as_secs_f32());
        tally
    }

    fn watch(&self, limits: Limits) -> anyhow::Result<End> {
        let mut command = Command::new(&self.program);
        command.args(["--show-output", "--test-threads", &limits.threads.to_string()]);
        // As cargo does; and a snapshot that differs is a failure, not a file to be written beside it.
        command.current_dir(&self.package_dir).env("CARGO_MANIFEST_DIR", &self.package_dir);
        command.env("INSTA_UPDATE", "no").env("TORNADO_TEST_PROFILE", limits.profile);
        watch(command, limits.within)
    }
}

/// How a watched program ended.
pub struct End {
    /// `None` when it had to be killed.
    pub status: Option<ExitStatus>,
    /// All it said.
    pub output: String,
}

/// Runs a command with its outputs joined; kills its process group when the time is over.
pub fn watch(mut command: Command, within: Duration) -> anyhow::Result<End> {
    let (mut reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command.process_group(0).stdin(Stdio::null()).stderr(writer.try_clone()?).stdout(writer);
    let mut child = command.spawn()?;
    // The command still holds our ends of the pipe: while they are open, reading would not end.
    drop(command);
    let group = Pid::from_raw(child.id().cast_signed());
    let (send, ended) = mpsc::channel::<()>();
    let killed = Arc::new(AtomicBool::new(false));
    let bitten = Arc::clone(&killed);
    let watchdog = std::thread::spawn(move || {
        if ended.recv_timeout(within) == Err(mpsc::RecvTimeoutError::Timeout) {
            bitten.store(true, Ordering::Relaxed);
            // It may have ended in this very moment.
            let _ = killpg(group, Signal::SIGKILL);
        }
    });
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let status = child.wait()?;
    drop(send);
    let _ = watchdog.join();
    let status = (!killed.load(Ordering::Relaxed)).then_some(status);
    Ok(End { status, output: String::from_utf8_lossy(&bytes).into_owned() })
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    threads: usize,
    within: Duration,
    /// What the lab's servers keep their state in: `cluster`, or embedded.
    profile: &'static str,
}

impl Suite {
    /// Its word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Store => "store",
            Self::Lanes => "lanes",
            Self::Cluster => "cluster",
            Self::Tor => "tor",
            Self::Faults => "faults",
            Self::Kernel => "kernel",
        }
    }

    /// Runs its share of the built programs, one after the other.
    pub fn run(self, binaries: &[Binary]) -> Tally {
        println!("\n{}", self.name());
        if self == Self::Kernel {
            return super::guest::run(binaries);
        }
        let mut tally = Tally::default();
        for binary in binaries.iter().filter(|binary| binary.is_in(self)) {
            tally.add(binary.run(self.limits()));
        }
        if self == Self::Unit {
            tally.add(doc_examples());
        }
        if tally == Tally::default() {
            println!("no test was found: an empty suite proves nothing");
            return Tally::one_failed();
        }
        tally
    }

    fn limits(self) -> Limits {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        match self {
            Self::Unit | Self::Store => Limits { threads: cores, within: Duration::from_secs(300), profile: "" },
            // Whole servers and real time: more at once only makes them wait for each other.
            Self::Lanes => Limits { threads: cores.min(2), within: Duration::from_secs(900), profile: "" },
            Self::Cluster => Limits { threads: cores.min(2), within: Duration::from_secs(900), profile: "cluster" },
            // As many rounds as somebody asks for; each has its own end.
            Self::Faults => Limits { threads: 1, within: Duration::from_secs(4 * 3600), profile: "" },
            // Each brings a Tor network of ten processes, whose votes are lost when they wait too long.
            Self::Tor | Self::Kernel => Limits { threads: 1, within: Duration::from_secs(900), profile: "" },
        }
    }
}

/// The examples in the documentation of the libraries, by cargo itself.
fn doc_examples() -> Tally {
    let end = match watch(shell::cargo(&["test", "--workspace", "--doc", "--quiet"]), Duration::from_secs(600)) {
        Ok(end) => end,
        Err(error) => {
            println!("  examples in the documentation: cannot be run: {error:#}");
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
    println!("  examples in the documentation: {tally}");
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(package: &str, target: &str, is_integration: bool) -> Binary {
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
        assert!(!binary("e2e/lanes", EMBEDDED_ONLY, true).is_in(Suite::Cluster), "it is embedded by itself");
        assert!(binary("e2e/lanes", EMBEDDED_ONLY, true).is_in(Suite::Lanes));
        assert!(binary("e2e/tor", "tor_faults", true).is_in(Suite::Tor), "the tor lane as well");
        assert!(binary("e2e/tor", "tor_faults", true).is_in(Suite::Cluster));
        assert!(!binary("e2e/tor", "tornado_e2e_tor", false).is_in(Suite::Cluster));
        assert!(!binary("server/wg", "lanes_userspace", true).is_in(Suite::Cluster));
        assert_eq!(binary("e2e/harness", "tor_network", true).suite(), Suite::Tor);
        assert_eq!(binary("e2e/tor", "support", false).suite(), Suite::Tor);
        assert_eq!(binary("server/tor", "tor_process", true).suite(), Suite::Tor);
        assert_eq!(binary("e2e/faults", "faults_campaign", true).suite(), Suite::Faults);
        assert_eq!(binary("e2e/faults", "tornado_e2e_faults", false).suite(), Suite::Unit);
        // A library is no test program of a suite by its name.
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

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo begun; sleep 977 & sleep 977"]);
        let end = watch(command, Duration::from_millis(200)).unwrap();
        assert!(end.status.is_none());
        assert_eq!(end.output, "begun\n");
    }

    #[test]
    fn a_program_that_ends_keeps_its_status() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let end = watch(command, Duration::from_secs(20)).unwrap();
        assert_eq!(end.status.and_then(|status| status.code()), Some(3));
        assert_eq!(end.output, "out\nerr\n");
    }
}
