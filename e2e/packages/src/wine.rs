//! A Windows installation of wine.

use anyhow::{Context as _, ensure};
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tornado_e2e_harness::wait_for;

/// Time limit of a command, in seconds. An installation takes five.
const COMMAND: &str = "120";
/// Source of the library that wine does not have.
const SOURCE: &str = "e2e/windows/bcryptprimitives.c";

/// An installation. Dropping it ends its programs and removes its files.
#[derive(Debug)]
pub struct Wine {
    prefix: tempfile::TempDir,
    /// Services end when no other program runs.
    holder: Option<Child>,
}

impl Wine {
    /// Creates an installation, and the library that Rust's programs need.
    ///
    /// # Errors
    ///
    /// Fails if wine or the compiler for Windows fails.
    pub fn new() -> anyhow::Result<Self> {
        let mut wine = Self { prefix: tempfile::tempdir()?, holder: None };
        // Processes that stay would keep a pipe open.
        let silent = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let done = silent(wine.command("wineboot").arg("--init")).context("cannot start wineboot")?;
        ensure!(done.success(), "cannot create an installation of wine: {done}");
        // A service would be lost if the processes of this start ended while others begin.
        drop(silent(wine.command("wineserver").arg("--wait")));
        let source = crate::root(SOURCE);
        let library = wine.path("windows/system32/bcryptprimitives.dll");
        let mut compile = Command::new("x86_64-w64-mingw32-gcc");
        compile.args(["-shared", "-O1", "-o"]).arg(&library).arg(&source).arg("-ladvapi32");
        ensure!(
            compile.status().context("cannot start the compiler")?.success(),
            "cannot compile {}",
            source.display()
        );
        let mut hold = Command::new("wine");
        hold.args(["cmd", "/c", "pause"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        wine.holder = Some(wine.inside(hold).spawn().context("cannot start wine")?);
        wait_for("wine", Duration::from_secs(60), || {
            let done = silent(wine.command("wine").args(["cmd", "/c", "ver"]));
            Ok(done.is_ok_and(|done| done.success()).then_some(()))
        })?;
        Ok(wine)
    }

    /// The path on the host of a file on drive C.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.prefix.path().join("drive_c").join(relative)
    }

    /// Copies a file to the root of drive C. Returns its path there.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be copied.
    pub fn copy(&self, file: &Path) -> anyhow::Result<String> {
        let name = file.file_name().context("a file has no name")?.to_string_lossy().into_owned();
        std::fs::copy(file, self.path(&name)).with_context(|| format!("cannot copy {}", file.display()))?;
        Ok(format!("C:\\{name}"))
    }

    /// Runs a program, and returns its result.
    ///
    /// # Errors
    ///
    /// Fails if wine cannot be started.
    pub fn output(&self, words: &[&str]) -> anyhow::Result<Output> {
        // Files, because processes that the program starts, and that stay, would keep a pipe open.
        let (mut out, mut error) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let mut command = self.command("wine");
        command.args(words).stdout(out.try_clone()?).stderr(error.try_clone()?);
        let status = command.status().context("cannot start wine")?;
        Ok(Output { status, stdout: content(&mut out)?, stderr: content(&mut error)? })
    }

    /// Runs a program, and returns its output.
    ///
    /// # Errors
    ///
    /// Fails if the program fails.
    pub fn run(&self, words: &[&str]) -> anyhow::Result<String> {
        let output = self.output(words)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        ensure!(output.status.success(), "'{}' failed with {}: {error}\n{out}", words.join(" "), output.status);
        Ok(out)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", COMMAND, program]).stdin(Stdio::null());
        self.inside(command)
    }

    /// The command with the environment of this installation.
    fn inside(&self, mut command: Command) -> Command {
        command.current_dir(self.prefix.path());
        command.env("WINEPREFIX", self.prefix.path()).env("WINEDEBUG", "-all").env("WINEARCH", "win64");
        // Neither .NET nor a browser, which wine would offer to download, nor entries in menus of the host.
        command
            .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
            .env_remove("DISPLAY")
            .env("HOME", self.prefix.path());
        command
    }
}

fn content(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Drop for Wine {
    fn drop(&mut self) {
        drop(self.command("wineserver").arg("--kill").stderr(Stdio::null()).status());
        if let Some(mut holder) = self.holder.take() {
            drop(holder.kill());
            drop(holder.wait());
        }
        drop(self.command("wineserver").arg("--wait").status());
    }
}
