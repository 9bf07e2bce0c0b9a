//! The device under test: helper and command line, running in a host of the lab.

use crate::command::Output;
use crate::{HarnessError, Host, Process, Programs, Tail, wait_for};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// What a helper of another kind would run.
const TRAPS: [&str; 11] =
    ["nft", "ip", "wg", "wg-quick", "wireguard-go", "resolvconf", "resolvectl", "sysctl", "iptables", "modprobe", "sh"];

/// A `tornado-helperd` with a socket and a state of its own. Dropping it kills it as `kill -9` does.
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
    /// Starts the helper and waits until its socket is there.
    ///
    /// # Errors
    /// When it is not built or ends early.
    pub fn start(host: &Host, programs: Programs) -> Result<Self, HarnessError> {
        let mut device = Self::attach(host, programs);
        device.start_helper()?;
        Ok(device)
    }

    /// The same with more words for the helper.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(host: &Host, programs: Programs, words: &[&str]) -> Result<Self, HarnessError> {
        let mut device = Self::attach(host, programs);
        device.words = words.iter().map(|word| (*word).to_owned()).collect();
        device.start_helper()?;
        Ok(device)
    }

    /// One that was started before, in a lab that stays.
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

    /// Loads a library into the helper at its next start, with variables for it.
    pub fn preload(&mut self, library: &Path, variables: &[(&str, &Path)]) {
        self.environment = vec![("LD_PRELOAD".to_owned(), library.to_owned())];
        self.environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }

    /// A line for the shell that runs before the helper at its next start, in the helper's own mount namespace.
    pub fn prelude(&mut self, line: &str) {
        line.clone_into(&mut self.prelude);
    }

    /// Starts the helper (again) with the same state.
    ///
    /// # Errors
    /// When it is not built, ends early, or makes no socket within 20 s.
    pub fn start_helper(&mut self) -> Result<(), HarnessError> {
        let path = self.lay_traps()?;
        let mut command = self.host.command("sh");
        command.args(["-ec", &format!("{}\nexec \"$@\"", self.prelude), "sh", "env"]).arg(format!("PATH={path}"));
        command.args(self.environment.iter().map(|(name, value)| format!("{name}={}", value.display())));
        command.arg(self.programs.find("tornado-helperd")?);
        command.arg("--socket").arg(self.socket()).arg("--state-dir").arg(self.state_dir()).args(&self.words);
        let mut helper = self.host.spawn("tornado-helperd", command)?;
        wait_for("the helper's socket", Duration::from_secs(20), || {
            helper.must_run()?;
            // A socket file of a killed helper stays: only an answer proves that one listens.
            Ok(std::os::unix::net::UnixStream::connect(self.socket()).is_ok().then_some(()))
        })?;
        self.helper = Some(helper);
        Ok(())
    }

    /// A search path whose first directory has programs of the names that a helper may want, as a user could put them
    /// there. They note that they were run, and fail.
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
        write().map_err(HarnessError::io("cannot lay traps"))?;
        Ok(format!("{}:{}", directory.display(), std::env::var("PATH").unwrap_or_default()))
    }

    fn trapped_file(&self) -> PathBuf {
        self.host.dir().join("trapped")
    }

    /// Programs that the helper took from the front of its search path, where nobody should look.
    #[must_use]
    pub fn trapped(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.trapped_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// `kill -9` of the helper.
    pub fn kill_helper(&mut self) {
        self.helper = None;
    }

    /// Ends the helper as a shutdown does, at most 20 s.
    ///
    /// # Errors
    /// When it has to be killed and cannot be.
    pub fn stop_helper(&mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.helper.take().map(|helper| helper.stop(Duration::from_secs(20))).transpose()
    }

    /// Lets the helper run on until the lab is taken down.
    pub fn detach(mut self) {
        if let Some(helper) = self.helper.take() {
            helper.detach();
        }
    }

    /// `tornado WORDS` in the device, at most 60 s, whatever its end. Nothing is typed: passwords go by environment
    /// or file, as the command line offers.
    ///
    /// # Errors
    /// When it cannot start or does not end.
    pub fn cli(&self, words: &[&str]) -> Result<Output, HarnessError> {
        let mut command = self.command()?;
        command.args(words);
        self.host.run(command, Duration::from_secs(60))
    }

    /// The same with `--password-stdin` added and the password fed to it.
    ///
    /// # Errors
    /// When it cannot start or does not end.
    pub fn cli_with_password(&self, words: &[&str], password: &str) -> Result<Output, HarnessError> {
        let mut command = self.command()?;
        command.args(words).arg("--password-stdin");
        crate::command::run(command, Some(&format!("{password}\n")), Duration::from_secs(60))
    }

    /// The same with a code of the second factor as well, by `--totp-stdin`.
    ///
    /// # Errors
    /// When it cannot start or does not end.
    pub fn cli_with_code(&self, words: &[&str], password: &str, code: &str) -> Result<Output, HarnessError> {
        let mut command = self.command()?;
        command.args(words).args(["--password-stdin", "--totp-stdin"]);
        crate::command::run(command, Some(&format!("{password}\n{code}\n")), Duration::from_secs(60))
    }

    /// The same with `--json` added, which must end with 0; its answer.
    ///
    /// # Errors
    /// As [`Output::success`] and [`Output::json`].
    pub fn json(&self, words: &[&str]) -> Result<Value, HarnessError> {
        let mut all = words.to_vec();
        all.push("--json");
        self.cli(&all)?.success()?.json()
    }

    /// `tornado`, prepared for this device, for calls of another kind.
    ///
    /// # Errors
    /// [`HarnessError::NotBuilt`].
    pub fn command(&self) -> Result<Command, HarnessError> {
        let mut command = self.host.command(self.programs.find("tornado")?);
        command.env("TORNADO_HELPER_SOCKET", self.socket());
        Ok(command)
    }

    /// The host it runs in.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The process of the helper, if this value started it.
    #[must_use]
    pub const fn helper(&self) -> Option<&Process> {
        self.helper.as_ref()
    }

    /// All that the helper logged.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String, HarnessError> {
        self.helper.as_ref().map_or_else(|| Ok(String::new()), |h| Ok(h.stdout()? + &h.stderr()?))
    }

    /// What the helper logs from now on, without reading again what stands there.
    ///
    /// # Errors
    /// When this value did not start the helper, or its log cannot be read.
    pub fn log_from_now(&self) -> Result<Tail, HarnessError> {
        let helper = self.helper.as_ref();
        helper.ok_or_else(|| HarnessError::answer("the helper's log", "this value did not start it"))?.tail()
    }

    /// The helper's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.host.dir().join("helper.sock")
    }

    /// The helper's state.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.host.dir().join("state")
    }
}
