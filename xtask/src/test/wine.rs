//! The suite `windows`: the client's programs are compiled for Windows and run under wine.
//!
//! The Windows of wine starts services and enforces what programs check themselves. It has no filtering engine, no
//! drivers and one user; `docs/build_windows.md` lists what therefore runs only on a real machine.

use super::binary::{Binary, Ran};
use super::build::{Built, built_with};
use super::suite::Suite;
use super::times::cores;
use crate::machine::programs::Need;
use crate::{machine, shell};
use anyhow::{Context as _, anyhow};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages and the test, compiled together so that all have the same dependencies.
const WORDS: &[&str] = &[
    "--package",
    "tornado-cli",
    "--package",
    "tornado-helper",
    "--package",
    "tornado-e2e-windows",
    "--bins",
    "--test",
    "windows_client",
    "--target",
    machine::WINDOWS,
];
/// A library that wine lacks.
const MISSING: &str = "bcryptprimitives";

/// Why the suite cannot run here, if so.
pub fn obstacle() -> Option<String> {
    let is_possible = std::env::consts::ARCH == "x86_64" && shell::has("apt-get");
    (!is_possible).then(|| "the suite needs Debian on amd64".to_owned())
}

/// Installs compiler, linker and wine.
pub fn prepare() -> anyhow::Result<()> {
    if obstacle().is_some() {
        return Ok(());
    }
    machine::provide(&[Need::Windows])?;
    machine::target(machine::WINDOWS)
}

/// Compiles the programs, runs their test, and the test of the installer, which is one of `programs`.
pub fn run(programs: &[Binary]) -> anyhow::Result<Ran> {
    if let Some(obstacle) = obstacle() {
        println!("  SKIPPED: {obstacle}");
        return Ok(super::Tally::ONE_SKIPPED.into());
    }
    let Built { binaries, findings } = built_with("build for Windows", WORDS);
    let binaries = binaries?;
    if !findings.is_empty() {
        let findings: Vec<&str> = findings.iter().map(String::as_str).collect();
        return Err(anyhow!("clippy: {} findings\n{}", findings.len(), findings.join("\n")));
    }
    let prefix = Prefix::create()?;
    let mut sum = Ran::default();
    for binary in binaries {
        let ran = binary.run_with(Suite::Windows.limits(cores()), |program| prefix.command("wine", &[program]));
        sum.tally.add(ran.tally);
        sum.tests.extend(ran.tests);
    }
    crate::dist::installers_for_tests(&shell::target_dir().join("test-installers"))?;
    for program in installer_test(programs)? {
        let ran = program.run(Suite::Windows.limits(cores()));
        sum.tally.add(ran.tally);
        sum.tests.extend(ran.tests);
    }
    Ok(sum)
}

/// The test of the installer, which runs on this machine: one of the programs, or built now if there is no other suite.
fn installer_test(programs: &[Binary]) -> anyhow::Result<Vec<Binary>> {
    let is_it = |program: &&Binary| program.is("e2e/packages", "windows_msi");
    let found: Vec<Binary> = programs.iter().filter(is_it).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let words = ["--package", "tornado-e2e-packages", "--test", "windows_msi"];
    built_with("build of the installer's test", &words).binaries
}

/// The directory with wine's registry and its drive C. Its programs are ended on drop.
struct Prefix(PathBuf);

impl Prefix {
    /// Creates a new one: services and files of an earlier run must not exist.
    fn create() -> anyhow::Result<Self> {
        let directory = shell::target_dir().join("wine");
        if directory.exists() {
            std::fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
        }
        std::fs::create_dir_all(&directory)?;
        let prefix = Self(directory);
        shell::read(prefix.command("wineboot", &[Path::new("--init")]))?;
        // Its service manager would answer instead of that of the tests.
        prefix.end();
        let source = shell::root().join(format!("e2e/windows/{MISSING}.c"));
        let library = prefix.0.join(format!("drive_c/windows/system32/{MISSING}.dll"));
        let mut compiler = shell::command("x86_64-w64-mingw32-gcc", &["-shared", "-O2", "-Wall", "-o"]);
        compiler.arg(library).arg(source).arg("-ladvapi32");
        shell::read(compiler)?;
        Ok(prefix)
    }

    /// Ends the processes of this prefix.
    fn end(&self) {
        // It fails if there are none.
        drop(self.command("wineserver", &[Path::new("--kill")]).status());
    }

    /// A program of wine. It neither opens windows nor asks for components to download.
    fn command(&self, program: &str, words: &[&Path]) -> Command {
        // wine shows the modes of files as access lists, and files do not inherit those of their directory.
        let mut command = shell::command("sh", &["-c", "umask 077 && exec \"$@\"", "sh", program]);
        command.args(words).env("WINEPREFIX", &self.0).env("WINEDEBUG", "-all").env_remove("DISPLAY");
        command.env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=");
        command
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        self.end();
    }
}
