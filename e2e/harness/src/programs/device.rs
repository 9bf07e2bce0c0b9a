//! The device under test: helper and command line, in a host of the lab.

use crate::process::command::Output;
use crate::{HarnessError, Host, Process, Programs, Tail, wait_for};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// Names of programs that the helper must not run from the search path.
const TRAPS: [&str; 11] =
    ["nft", "ip", "wg", "wg-quick", "wireguard-go", "resolvconf", "resolvectl", "sysctl", "iptables", "modprobe", "sh"];

/// A `tornado-helperd` with its own socket and state. Killed with SIGKILL on drop.
#[derive(Debug)]
pub struct DeviceProc {
    host: Host,
    programs: Programs,
    helper: Option<Process>,
    words: Vec<String>,
    environment: Vec<(String, PathBuf)>,
    prelude: String,
}

impl DeviceProc {
    /// Starts the helper and waits for its socket.
    ///
    /// # Errors
    ///
    /// Fails if it is not built or ends early.
    pub fn start(host: &Host, programs: Programs) -> Result<Self, HarnessError> {
        let mut device = Self::attach(host, programs);
        device.start_helper()?;
        Ok(device)
    }

    /// As [`Self::start`], with additional arguments for the helper.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_with(host: &Host, programs: Programs, words: &[&str]) -> Result<Self, HarnessError> {
        let mut device = Self::attach(host, programs);
        device.words = words.iter().map(|word| (*word).to_owned()).collect();
        device.start_helper()?;
        Ok(device)
    }

    /// A device that was started earlier, in a permanent lab.
    #[must_use]
    pub fn attach(host: &Host, programs: Programs) -> Self {
        Self {
            host: host.clone(),
            programs,
            helper: None,
            environment: Vec::new(),
            prelude: String::new(),
            words: Vec::new(),
        }
    }

    /// Preloads a library into the helper at its next start, with environment variables for it.
    pub fn preload(&mut self, library: &Path, variables: &[(&str, &Path)]) {
        self.environment = vec![("LD_PRELOAD".to_owned(), library.to_owned())];
        self.environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }

    /// Sets a shell command that runs before the next start of the helper, in the helper's mount namespace.
    pub fn prelude(&mut self, line: &str) {
        line.clone_into(&mut self.prelude);
    }

    /// Starts or restarts the helper with the same state.
    ///
    /// # Errors
    ///
    /// Fails if it is not built, ends early, or has no socket after 20 s.
    pub fn start_helper(&mut self) -> Result<(), HarnessError> {
        let path = self.lay_traps()?;
        let mut command = self.host.command("sh");
        command.args(["-ec", &format!("{}\nexec \"$@\"", self.prelude), "sh", "env"]).arg(format!("PATH={path}"));
        command.args(self.environment.iter().map(|(name, value)| format!("{name}={}", value.display())));
        command.arg(self.programs.find("tornado-helperd")?);
        command.arg("--socket").arg(self.socket()).arg("--state-dir").arg(self.state_dir());
        command.arg("--log-dir").arg(self.log_dir()).args(&self.words);
        let mut helper = self.host.spawn("tornado-helperd", command)?;
        wait_for("the helper's socket", Duration::from_secs(20), || {
            helper.must_run()?;
            // The socket file of a killed helper stays; only a connection proves that a process listens.
            Ok(std::os::unix::net::UnixStream::connect(self.socket()).is_ok().then_some(()))
        })?;
        self.helper = Some(helper);
        Ok(())
    }

    /// A search path whose first directory contains traps: programs with names that a helper may use, as a user could
    /// create them. They record that they were run, and fail.
    fn lay_traps(&self) -> Result<String, HarnessError> {
        let directory = self.host.dir().join("traps");
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(&directory)?;
            for name in TRAPS {
                let trap = directory.join(name);
                std::fs::write(
                    &trap,
                    format!("#!/bin/sh\necho {name} >> {}\nexit 1\n", self.trapped_file().display()),
                )?;
                std::fs::set_permissions(&trap, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
            }
            Ok(())
        };
        write().map_err(HarnessError::io("cannot create traps"))?;
        Ok(format!("{}:{}", directory.display(), std::env::var("PATH").unwrap_or_default()))
    }

    fn trapped_file(&self) -> PathBuf {
        self.host.dir().join("trapped")
    }

    /// Names of the traps that the helper ran.
    #[must_use]
    pub fn trapped(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.trapped_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Kills the helper with SIGKILL.
    pub fn kill_helper(&mut self) {
        self.helper = None;
    }

    /// Stops the helper as a shutdown does, within 20 s.
    ///
    /// # Errors
    ///
    /// Fails if it must be killed and that is not possible.
    pub fn stop_helper(&mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.helper.take().map(|helper| helper.stop(Duration::from_secs(20))).transpose()
    }

    /// Keeps the helper running until the lab is removed.
    pub fn detach(mut self) {
        if let Some(helper) = self.helper.take() {
            helper.detach();
        }
    }

    /// Runs `tornado WORDS` in the device for at most 60 s. Returns any exit status. Passwords must be passed in the
    /// environment or in files.
    ///
    /// # Errors
    ///
    /// Fails if it cannot start or does not end in time.
    pub fn cli(&self, words: &[&str]) -> Result<Output, HarnessError> {
        let mut command = self.command()?;
        command.args(words);
        self.host.run(command, Duration::from_secs(60))
    }

    /// As [`Self::cli`], with `--password-stdin` and the password on standard input.
    ///
    /// # Errors
    ///
    /// Fails if it cannot start or does not end in time.
    pub fn cli_with_password(&self, words: &[&str], password: &str) -> Result<Output, HarnessError> {
        let mut command = self.command()?;
        command.args(words).arg("--password-stdin");
        crate::process::command::run(command, Some(&format!("{password}\n")), Duration::from_secs(60))
    }

    /// As [`Self::cli_with_password`], with `--totp-stdin` and a code of the second factor.
    ///
    /// # Errors
    ///
    /// Fails if it cannot start or does not end in time.
    pub fn cli_with_code(&self, words: &[&str], password: &str, code: &str) -> Result<Output, HarnessError> {
        let mut command = self.command()?;
        command.args(words).args(["--password-stdin", "--totp-stdin"]);
        crate::process::command::run(command, Some(&format!("{password}\n{code}\n")), Duration::from_secs(60))
    }

    /// Runs `tornado WORDS --json`, which must succeed, and parses its output.
    ///
    /// # Errors
    ///
    /// As [`Output::success`] and [`Output::json`].
    pub fn json(&self, words: &[&str]) -> Result<Value, HarnessError> {
        let mut all = words.to_vec();
        all.push("--json");
        self.cli(&all)?.success()?.json()
    }

    /// A command for `tornado` in this device, for other kinds of calls.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::NotBuilt`].
    pub fn command(&self) -> Result<Command, HarnessError> {
        let mut command = self.host.command(self.programs.find("tornado")?);
        command.env("TORNADO_HELPER_SOCKET", self.socket()).env("TORNADO_HELPER_STATE", self.state_dir());
        Ok(command)
    }

    /// Runs `tornado-helperd WORDS` in the device to completion, with the socket and the state of this device.
    ///
    /// # Errors
    ///
    /// Fails if it is not built, cannot start or does not end within 30 s.
    pub fn run_helper(&self, words: &[&str]) -> Result<Output, HarnessError> {
        let mut command = self.host.command(self.programs.find("tornado-helperd")?);
        command.arg("--socket").arg(self.socket()).arg("--state-dir").arg(self.state_dir()).args(words);
        self.host.run(command, Duration::from_secs(30))
    }

    /// The host of the device.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The process of the helper, if this value started it.
    #[must_use]
    pub const fn helper(&self) -> Option<&Process> {
        self.helper.as_ref()
    }

    /// The complete log of the helper.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be read.
    pub fn log(&self) -> Result<String, HarnessError> {
        self.helper.as_ref().map_or_else(|| Ok(String::new()), |h| Ok(h.stdout()? + &h.stderr()?))
    }

    /// Follows the helper's log from its current end.
    ///
    /// # Errors
    ///
    /// Fails if this value did not start the helper, or its log cannot be read.
    pub fn log_from_now(&self) -> Result<Tail, HarnessError> {
        let helper = self.helper.as_ref();
        helper.ok_or_else(|| HarnessError::answer("the helper's log", "the helper was not started here"))?.tail()
    }

    /// Path of the helper's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.host.dir().join("helper.sock")
    }

    /// Directory of the helper's log file.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.host.dir().join("helper-log")
    }

    /// The helper's state directory.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.host.dir().join("state")
    }
}
