//! A host of a lab: a network namespace and operations in it.

pub(crate) mod capture;
pub(crate) mod http;
mod machine;

use crate::host::capture::Capture;
use crate::host::http::HttpReply;
use crate::host::machine::Machine;
use crate::process::command::{self, Output};
use crate::{HarnessError, Process};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Time limit of [`Host::exec`].
const EXEC: Duration = Duration::from_secs(30);

/// A host of a lab: a network namespace, and what runs in it.
#[derive(Debug, Clone)]
pub struct Host {
    name: String,
    namespace: String,
    dir: PathBuf,
    logs: Arc<AtomicU32>,
    machine: Option<Machine>,
}

impl Host {
    pub(crate) fn new(name: &str, namespace: String, lab_dir: &Path) -> Self {
        Self { name: name.to_owned(), namespace, dir: lab_dir.join(name), logs: Arc::default(), machine: None }
    }

    /// Returns the host with changes to its machine. `words` are shell commands that run as root in a separate mount
    /// namespace. Mounts affect nothing outside and end with the last clone of the host.
    ///
    /// # Errors
    ///
    /// Fails if the commands fail.
    pub fn changed(&self, words: &str) -> Result<Self, HarnessError> {
        let mut command = self.command("unshare");
        Machine::arguments(&mut command, words);
        let machine = Machine::wait(self.spawn("machine", command)?)?;
        Ok(Self { machine: Some(machine), ..self.clone() })
    }

    /// Name in the lab: `device1`, `server`, …
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Network namespace, as listed by `ip netns`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A directory for arbitrary files. Removed with the lab.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A command that runs in this host's network, with the host's own `/etc/resolv.conf`.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        if let Some(machine) = &self.machine {
            return machine.command(program.as_ref());
        }
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Runs a command to completion, for at most 30 s. It counts as ended when its outputs are closed, so background
    /// processes must not keep them, or must be started with [`Self::spawn`].
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Command`] if the exit code is not 0, and with [`HarnessError::Timeout`] if it does
    /// not end.
    pub fn exec(&self, words: &[&str]) -> Result<Output, HarnessError> {
        self.try_exec(words, EXEC)?.success()
    }

    /// Runs a command to completion. Returns any exit status.
    ///
    /// # Errors
    ///
    /// Fails if it cannot start or does not end within `within`.
    pub fn try_exec(&self, words: &[&str], within: Duration) -> Result<Output, HarnessError> {
        let Some((program, rest)) = words.split_first() else {
            return Err(HarnessError::answer("an empty command", "the program is missing"));
        };
        let mut command = self.command(program);
        command.args(rest);
        self.run(command, within)
    }

    /// Runs a command from [`Self::command`] to completion. Returns any exit status.
    ///
    /// # Errors
    ///
    /// Fails if it cannot start or does not end within `within`.
    pub fn run(&self, command: Command, within: Duration) -> Result<Output, HarnessError> {
        command::run(command, None, within)
    }

    /// Starts a command from [`Self::command`] in the background. Its outputs are files in [`Self::dir`].
    ///
    /// # Errors
    ///
    /// Fails if it cannot start.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process, HarnessError> {
        let number = self.logs.fetch_add(1, Ordering::Relaxed);
        // The process id distinguishes files of several processes in the same lab.
        let log = self.dir.join(format!("{name}-{}-{number}.log", std::process::id()));
        Process::start(command, &format!("{}: {name}", self.name), &log)
    }

    /// Calls `work` on a thread in this host's network namespace. Sockets that it creates belong to the host.
    ///
    /// # Errors
    ///
    /// Fails if the namespace cannot be entered.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, HarnessError> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                enter_namespace(&self.namespace)?;
                Ok(work())
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Runs a future in this host's network, on a separate runtime.
    ///
    /// # Errors
    ///
    /// Fails if the namespace cannot be entered or the runtime cannot be created.
    pub fn block_on<F: Future>(&self, work: impl FnOnce() -> F + Send) -> Result<F::Output, HarnessError>
    where
        F::Output: Send,
    {
        self.enter(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(HarnessError::io("cannot create a runtime"))?;
            Ok(runtime.block_on(work()))
        })?
    }

    /// Captures packets on an interface with tcpdump. Returns when it listens. `filter` has the syntax of
    /// pcap-filter(7).
    ///
    /// # Errors
    ///
    /// Fails if tcpdump does not start or rejects the filter.
    pub fn capture(&self, interface: &str, filter: &str) -> Result<Capture, HarnessError> {
        let mut command = self.command("tcpdump");
        Capture::arguments(&mut command, interface, filter);
        Capture::wait(self.spawn("tcpdump", command)?, interface)
    }

    /// Sends an HTTP GET, for at most 10 s.
    ///
    /// # Errors
    ///
    /// Fails if the address cannot be reached or the response is not HTTP.
    pub fn http_get(&self, to: SocketAddr, path: &str) -> Result<HttpReply, HarnessError> {
        self.http_get_within(to, path, Duration::from_secs(10))
    }

    /// Sends an HTTP GET with a custom time limit, which should be short if no response is expected.
    ///
    /// # Errors
    ///
    /// As [`Self::http_get`].
    pub fn http_get_within(&self, to: SocketAddr, path: &str, within: Duration) -> Result<HttpReply, HarnessError> {
        self.block_on(|| http::get(to, path, within))?
    }

    /// Sends a datagram. Returns the response, or `None` if there was none.
    ///
    /// # Errors
    ///
    /// Fails if the datagram cannot be sent.
    pub fn udp_ask(&self, to: SocketAddr, data: &[u8], within: Duration) -> Result<Option<Vec<u8>>, HarnessError> {
        self.block_on(|| http::udp_ask(to, data, within))?
    }
}

/// Moves the calling thread into a named network namespace.
pub(crate) fn enter_namespace(namespace: &str) -> Result<(), HarnessError> {
    let path = Path::new("/run/netns").join(namespace);
    let file = File::open(&path).map_err(HarnessError::file("open", &path))?;
    nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET)
        .map_err(|e| HarnessError::io(format!("cannot enter {namespace}"))(e.into()))
}
