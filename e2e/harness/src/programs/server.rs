//! The server under test, in a host of the lab.

use crate::lab::topology;
use crate::process::command::Output;
use crate::{HarnessError, Host, Process, Programs, Tail, wait_for};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;
use tornado_e2e_engines::Cluster;

/// Time limit of a start. The first one creates keys.
const READY: Duration = Duration::from_secs(90);

/// Options of the server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Directory of `tornadod`.
    pub programs: Programs,
    /// Public name or address for invitations.
    pub public_host: String,
    /// TOML that is appended to the configuration: complete tables except `paths`, `server` and `log`.
    pub config: String,
    /// Log filter, as in `[log] level`.
    pub log: String,
    /// Whether to use separate PostgreSQL and Redis servers instead of files and memory. The default depends on the
    /// environment variable `TORNADO_TEST_PROFILE`: `cluster` or unset.
    pub cluster: bool,
    /// Additional environment variables of `master`.
    pub environment: Vec<(String, String)>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            programs: Programs::beside(),
            public_host: topology::SERVER.v4.to_string(),
            config: String::new(),
            log: "info".to_owned(),
            cluster: std::env::var("TORNADO_TEST_PROFILE").is_ok_and(|profile| profile == "cluster"),
            environment: Vec::new(),
        }
    }
}

/// A `tornadod master` with its own directories. Killed with SIGKILL on drop; its services end with the lab at the
/// latest.
#[derive(Debug)]
pub struct ServerProc {
    host: Host,
    options: ServerOptions,
    master: Option<Process>,
    /// Declared after `master`, which must end first.
    cluster: Option<Cluster>,
}

impl ServerProc {
    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Fails if it is not built, ends early, or is not ready after 90 s. The error contains the end of its log.
    pub fn start(host: &Host, options: ServerOptions) -> Result<Self, HarnessError> {
        let cluster = options.cluster.then(Cluster::start).transpose()?;
        let mut server = Self { host: host.clone(), options, master: None, cluster };
        server.configure()?;
        if server.cluster.is_some() {
            server.cli(&["migrate", "schema"])?.success()?;
        }
        server.start_master()?;
        server.wait_ready(READY)?;
        Ok(server)
    }

    /// A server that was started earlier, in a permanent lab.
    #[must_use]
    pub fn attach(host: &Host, options: ServerOptions) -> Self {
        Self { host: host.clone(), options, master: None, cluster: None }
    }

    /// The database servers in the profile `cluster`.
    #[must_use]
    pub const fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// Starts PostgreSQL and Redis servers without tables, and configures the server to use them from its next start
    /// on.
    ///
    /// # Errors
    ///
    /// Fails if they do not start.
    pub fn enter_cluster(&mut self) -> Result<(), HarnessError> {
        self.cluster = Some(Cluster::start()?);
        self.configure()
    }

    /// Configures the server to use files and memory from its next start on. Returns the former database servers, which
    /// end on drop.
    ///
    /// # Errors
    ///
    /// Fails if the configuration cannot be written.
    pub fn leave_cluster(&mut self) -> Result<Option<Cluster>, HarnessError> {
        let cluster = self.cluster.take();
        self.configure()?;
        Ok(cluster)
    }

    /// Writes the configuration of a server from [`Self::attach`], before its first start.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written.
    pub fn configure(&self) -> Result<(), HarnessError> {
        let path = self.config_path();
        std::fs::write(&path, self.config()).map_err(HarnessError::file("write", &path))
    }

    /// Stops the server with SIGTERM within 40 s. It can be started again.
    ///
    /// # Errors
    ///
    /// Fails if it must be killed and that is not possible.
    pub fn stop_master(&mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.master.take().map(|master| master.stop(Duration::from_secs(40))).transpose()
    }

    /// Starts `master` with the same directories. Does not wait until it is ready.
    ///
    /// # Errors
    ///
    /// Fails if it cannot start.
    pub fn start_master(&mut self) -> Result<(), HarnessError> {
        let mut command = self.command()?;
        command.arg("master").envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        self.master = Some(self.host.spawn("tornadod", command)?);
        Ok(())
    }

    /// Waits until every service is ready.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Timeout`], or if `master` ends.
    pub fn wait_ready(&mut self, within: Duration) -> Result<(), HarnessError> {
        let mut last = String::from("no response");
        let waited = wait_for("the server to be ready", within, || {
            if let Some(master) = &mut self.master {
                master.must_run()?;
            }
            let output = self.cli(&["status", "--json"])?;
            last = if output.ok() { output.stdout.clone() } else { output.stderr.clone() };
            let is_ready = output.json::<Value>().is_ok_and(|status| status["ready"] == Value::Bool(true));
            Ok(is_ready.then_some(()))
        });
        if let Err(HarnessError::Timeout { what, after }) = waited {
            return Err(HarnessError::Timeout { what: format!("{what}; its status: {last}"), after });
        }
        waited
    }

    /// Runs `tornadod --config … WORDS` in the server's host for at most 30 s. Returns any exit status.
    ///
    /// # Errors
    ///
    /// Fails if it cannot start or does not end in time.
    pub fn cli(&self, words: &[&str]) -> Result<Output, HarnessError> {
        let mut command = self.command()?;
        command.args(words);
        self.host.run(command, Duration::from_secs(30))
    }

    /// Runs `tornadod … WORDS --json`, which must succeed, and parses its output.
    ///
    /// # Errors
    ///
    /// As [`Output::success`] and [`Output::json`].
    pub fn json(&self, words: &[&str]) -> Result<Value, HarnessError> {
        let mut all = words.to_vec();
        all.push("--json");
        self.cli(&all)?.success()?.json()
    }

    /// The process of `master`, if this value started it.
    #[must_use]
    pub const fn master(&self) -> Option<&Process> {
        self.master.as_ref()
    }

    /// Stops the server with SIGTERM within 20 s.
    ///
    /// # Errors
    ///
    /// Fails if it must be killed and that is not possible.
    pub fn stop(mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.master.take().map(|master| master.stop(Duration::from_secs(20))).transpose()
    }

    /// Keeps the server running until the lab is removed.
    pub fn detach(mut self) {
        if let Some(master) = self.master.take() {
            master.detach();
        }
    }

    /// The complete log of `master` and its services.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be read.
    pub fn log(&self) -> Result<String, HarnessError> {
        self.master.as_ref().map_or_else(|| Ok(String::new()), |m| Ok(m.stdout()? + &m.stderr()?))
    }

    /// Follows the log from its current end.
    ///
    /// # Errors
    ///
    /// Fails if this value did not start `master`, or its log cannot be read.
    pub fn log_from_now(&self) -> Result<Tail, HarnessError> {
        let master = self.master.as_ref();
        master.ok_or_else(|| HarnessError::answer("the server's log", "the server was not started here"))?.tail()
    }

    /// Path of the configuration file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.host.dir().join("tornado.toml")
    }

    /// Directory of the sockets.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.host.dir().join("run")
    }

    /// The state directory.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.host.dir().join("state")
    }

    /// Directory of the services' log files.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.host.dir().join("logs")
    }

    /// A command for `tornadod --config …` in the server's host, for other kinds of calls.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::NotBuilt`].
    pub fn command(&self) -> Result<Command, HarnessError> {
        let mut command = self.host.command(self.options.programs.find("tornadod")?);
        command.arg("--config").arg(self.config_path());
        Ok(command)
    }

    fn config(&self) -> String {
        let text = |text: &str| Value::from(text).to_string();
        let path = |path: &Path| text(&path.display().to_string());
        let (secrets, engines) = match &self.cluster {
            Some(cluster) => (format!("secrets = {}\n", path(cluster.secrets())), cluster.config()),
            None => Default::default(),
        };
        format!(
            "[paths]\nrun = {}\nstate = {}\nlog = {}\n{secrets}\n{engines}[server]\nhost = {}\n\n[log]\nlevel = {}\n\n{}\n",
            path(&self.run_dir()),
            path(&self.state_dir()),
            path(&self.log_dir()),
            text(&self.options.public_host),
            text(&self.options.log),
            self.options.config,
        )
    }
}
