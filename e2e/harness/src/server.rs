//! The server under test, running in a host of the lab.

use crate::command::Output;
use crate::{HarnessError, Host, Process, Programs, Tail, topology, wait_for};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;
use tornado_e2e_engines::Cluster;

/// How long a start may take: keys are made at the first one.
const READY: Duration = Duration::from_secs(90);

/// How the server is to run.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where `tornadod` is.
    pub programs: Programs,
    /// Public name or address, as it stands in invitations.
    pub public_host: String,
    /// TOML added to the configuration: whole tables besides `paths`, `server` and `log`.
    pub config: String,
    /// Filter of the log, as `[log] level` takes it.
    pub log: String,
    /// In PostgreSQL and Redis servers of its own instead of in files and memory. By default as the environment
    /// variable `TORNADO_TEST_PROFILE` says: `cluster` or nothing.
    pub cluster: bool,
    /// Added to the environment of `master`.
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

/// A `tornadod master` with directories of its own. Dropping it kills it as `kill -9` does; its services end with
/// the lab at the latest.
#[derive(Debug)]
pub struct ServerProc {
    host: Host,
    options: ServerOptions,
    master: Option<Process>,
    /// After `master`, which ends first.
    cluster: Option<Cluster>,
}

impl ServerProc {
    /// Starts the server and waits until it says ready.
    ///
    /// # Errors
    /// When it is not built, ends early, or is not ready within a minute and a half; its last words are in the error.
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

    /// One that was started before, in a lab that stays.
    #[must_use]
    pub fn attach(host: &Host, options: ServerOptions) -> Self {
        Self { host: host.clone(), options, master: None, cluster: None }
    }

    /// Its databases, in the profile `cluster`.
    #[must_use]
    pub const fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// From the next start on it is configured for PostgreSQL and Redis servers of its own, which are started now and
    /// have no tables.
    ///
    /// # Errors
    /// When they do not start.
    pub fn enter_cluster(&mut self) -> Result<(), HarnessError> {
        self.cluster = Some(Cluster::start()?);
        self.configure()
    }

    /// From the next start on it is configured for files and memory. The engines it had, which end with the value.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn leave_cluster(&mut self) -> Result<Option<Cluster>, HarnessError> {
        let cluster = self.cluster.take();
        self.configure()?;
        Ok(cluster)
    }

    /// Writes its configuration: for one that [`Self::attach`] made, before its first start.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self) -> Result<(), HarnessError> {
        let path = self.config_path();
        std::fs::write(&path, self.config()).map_err(HarnessError::file("write", &path))
    }

    /// Ends it as an operator does, at most 40 s; it can be started again.
    ///
    /// # Errors
    /// When it has to be killed and cannot be.
    pub fn stop_master(&mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.master.take().map(|master| master.stop(Duration::from_secs(40))).transpose()
    }

    /// Starts `master` (again) with the same directories; does not wait.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn start_master(&mut self) -> Result<(), HarnessError> {
        let mut command = self.command()?;
        command.arg("master").envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        self.master = Some(self.host.spawn("tornadod", command)?);
        Ok(())
    }

    /// Waits until every service is ready.
    ///
    /// # Errors
    /// [`HarnessError::Timeout`], or the end of `master`.
    pub fn wait_ready(&mut self, within: Duration) -> Result<(), HarnessError> {
        let mut last = String::from("no answer");
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
            return Err(HarnessError::Timeout { what: format!("{what}; it says {last}"), after });
        }
        waited
    }

    /// `tornadod --config … WORDS` in the server's host, at most 30 s, whatever its end.
    ///
    /// # Errors
    /// When it cannot start or does not end.
    pub fn cli(&self, words: &[&str]) -> Result<Output, HarnessError> {
        let mut command = self.command()?;
        command.args(words);
        self.host.run(command, Duration::from_secs(30))
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

    /// The process of `master`, if this value started it.
    #[must_use]
    pub const fn master(&self) -> Option<&Process> {
        self.master.as_ref()
    }

    /// Ends it as an operator does, at most 20 s.
    ///
    /// # Errors
    /// When it has to be killed and cannot be.
    pub fn stop(mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.master.take().map(|master| master.stop(Duration::from_secs(20))).transpose()
    }

    /// Lets it run on until the lab is taken down.
    pub fn detach(mut self) {
        if let Some(master) = self.master.take() {
            master.detach();
        }
    }

    /// All that `master` and its services logged.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String, HarnessError> {
        self.master.as_ref().map_or_else(|| Ok(String::new()), |m| Ok(m.stdout()? + &m.stderr()?))
    }

    /// What they log from now on, without reading again what stands there.
    ///
    /// # Errors
    /// When this value did not start `master`, or its log cannot be read.
    pub fn log_from_now(&self) -> Result<Tail, HarnessError> {
        let master = self.master.as_ref();
        master.ok_or_else(|| HarnessError::answer("the server's log", "this value did not start it"))?.tail()
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.host.dir().join("tornado.toml")
    }

    /// The directory of its sockets.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.host.dir().join("run")
    }

    /// The directory of its state.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.host.dir().join("state")
    }

    /// `tornadod --config …` in the server's host, for calls of another kind.
    ///
    /// # Errors
    /// [`HarnessError::NotBuilt`].
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
            "[paths]\nrun = {}\nstate = {}\n{secrets}\n{engines}[server]\nhost = {}\n\n[log]\nlevel = {}\n\n{}\n",
            path(&self.run_dir()),
            path(&self.state_dir()),
            text(&self.options.public_host),
            text(&self.options.log),
            self.options.config,
        )
    }
}
