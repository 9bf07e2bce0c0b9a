//! One host of a lab: a network namespace and what can be done in it.

use crate::capture::Capture;
use crate::command::{self, Output};
use crate::http::{self, HttpReply};
use crate::machine::Machine;
use crate::{HarnessError, Process};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long [`Host::exec`] waits.
const EXEC: Duration = Duration::from_secs(30);

/// A host of a lab.
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

    pub(crate) fn on(&self, machine: Machine) -> Self {
        Self { machine: Some(machine), ..self.clone() }
    }

    /// Its name in the lab: `device1`, `server`, …
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its network namespace, as `ip netns` lists it.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its own directory, for anything; gone with the lab.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `program` to be started in this host: its network, and a `/etc/resolv.conf` of its own.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        if let Some(machine) = &self.machine {
            return machine.command(program.as_ref());
        }
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Runs words to the end, at most 30 s. The end is that of the outputs: what goes on in the background must
    /// not keep them, or belongs into [`Self::spawn`].
    ///
    /// # Errors
    /// [`HarnessError::Command`] when it does not end with 0, [`HarnessError::Timeout`] when it does not end.
    pub fn exec(&self, words: &[&str]) -> Result<Output, HarnessError> {
        self.try_exec(words, EXEC)?.success()
    }

    /// Runs words to the end, whatever it is.
    ///
    /// # Errors
    /// When it cannot start, or does not end `within` that time.
    pub fn try_exec(&self, words: &[&str], within: Duration) -> Result<Output, HarnessError> {
        let Some((program, rest)) = words.split_first() else {
            return Err(HarnessError::answer("an empty command", "there is no program to run"));
        };
        let mut command = self.command(program);
        command.args(rest);
        self.run(command, within)
    }

    /// Runs a command made with [`Self::command`] to its end, whatever it is.
    ///
    /// # Errors
    /// When it cannot start, or does not end `within` that time.
    pub fn run(&self, command: Command, within: Duration) -> Result<Output, HarnessError> {
        command::run(command, None, within)
    }

    /// Starts a command made with [`Self::command`] in the background; its outputs are files in [`Self::dir`].
    ///
    /// # Errors
    /// When it cannot start.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process, HarnessError> {
        let number = self.logs.fetch_add(1, Ordering::Relaxed);
        // The process id keeps apart what several processes start in the same lab.
        let log = self.dir.join(format!("{name}-{}-{number}.log", std::process::id()));
        Process::start(command, &format!("{}: {name}", self.name), &log)
    }

    /// Calls `work` on a thread that stands in this host's network: sockets made there belong to the host.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
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

    /// Runs a future in this host's network, on a runtime of its own that ends with it.
    ///
    /// # Errors
    /// When the namespace cannot be entered or no runtime can be made.
    pub fn block_on<F: Future>(&self, work: impl FnOnce() -> F + Send) -> Result<F::Output, HarnessError>
    where
        F::Output: Send,
    {
        self.enter(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(HarnessError::io("cannot make a runtime"))?;
            Ok(runtime.block_on(work()))
        })?
    }

    /// Watches an interface with tcpdump; returns when it listens. `filter` in the words of pcap-filter(7).
    ///
    /// # Errors
    /// When tcpdump does not start or refuses the filter.
    pub fn capture(&self, interface: &str, filter: &str) -> Result<Capture, HarnessError> {
        Capture::start(self, interface, filter)
    }

    /// One HTTP GET, at most 10 s.
    ///
    /// # Errors
    /// When the address cannot be reached or the answer is no HTTP.
    pub fn http_get(&self, to: SocketAddr, path: &str) -> Result<HttpReply, HarnessError> {
        self.http_get_within(to, path, Duration::from_secs(10))
    }

    /// One HTTP GET with a patience of one's own: short where no answer is what one hopes for.
    ///
    /// # Errors
    /// As [`Self::http_get`].
    pub fn http_get_within(&self, to: SocketAddr, path: &str, within: Duration) -> Result<HttpReply, HarnessError> {
        self.block_on(|| http::get(to, path, within))?
    }

    /// Sends one datagram and returns the answer, or `None` when none came.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn udp_ask(&self, to: SocketAddr, data: &[u8], within: Duration) -> Result<Option<Vec<u8>>, HarnessError> {
        self.block_on(|| http::udp_ask(to, data, within))?
    }
}

/// Moves the calling thread into a named namespace.
pub(crate) fn enter_namespace(namespace: &str) -> Result<(), HarnessError> {
    let path = Path::new("/run/netns").join(namespace);
    let file = File::open(&path).map_err(HarnessError::file("open", &path))?;
    nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET)
        .map_err(|e| HarnessError::io(format!("cannot enter {namespace}"))(e.into()))
}
