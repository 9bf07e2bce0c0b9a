//! The event loop that executes the policy's decisions.

mod handle;
mod notify;

use crate::event::Event;
use crate::policy::table::{dependents, service};
use crate::policy::{Command, Machine, Surroundings};
use crate::process::record::{Entry, Record};
use crate::process::spawn::Accounts;
use crate::process::watch::{Process, Watch};
use crate::process::{proc, record, spawn, stray};
use crate::{Config, Error};
use handle::Handle;
use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_contracts::master::{Action, Actual, MasterStatus, ServiceStatus, Wanted};
use tornado_rpc::listen;
use tornado_runtime::clock::unix_now;
use tornado_runtime::{ReadySetter, failure, socket_path};
use tornado_shared::model::UnixSeconds;

struct Slot {
    machine: Machine,
    socket: Option<UnixListener>,
    process: Option<Process>,
}

impl Slot {
    fn runs(&self, pid: u32) -> bool {
        self.process.as_ref().is_some_and(|process| process.pid() == pid)
    }
}

/// Owns the state machine, socket and process of every service.
pub struct Supervisor {
    config: Config,
    accounts: Accounts,
    slots: BTreeMap<ServiceName, Slot>,
    began: Instant,
    started_at: UnixSeconds,
    events: mpsc::Receiver<Event>,
    sender: mpsc::Sender<Event>,
    status: watch::Sender<MasterStatus>,
    ready: ReadySetter,
    announced: bool,
    saved: Option<Record>,
    boot_id: String,
}

impl Supervisor {
    /// Creates the supervisor and takes over the services of an earlier one.
    pub fn new(config: Config, accounts: Accounts, ready: ReadySetter) -> Result<(Self, Handle), Error> {
        let (sender, events) = mpsc::channel(64);
        let started_at = unix_now();
        let empty =
            MasterStatus { version: env!("CARGO_PKG_VERSION").into(), started_at, ready: false, services: vec![] };
        let (status, seen) = watch::channel(empty);
        let record = record::read(&config.run_dir);
        let mut slots = BTreeMap::new();
        for name in ServiceName::ALL {
            let entry = record.as_ref().and_then(|record| record.services.iter().find(|entry| entry.name == name));
            slots.insert(name, take_over(entry, name, &config, &sender));
        }
        let known: Vec<u32> = slots.values().filter_map(|slot| slot.process.as_ref().map(Process::pid)).collect();
        stray::end_all(&config, &accounts, &known);
        let handle = Handle::new(sender.clone(), seen);
        let began = Instant::now();
        let supervisor = Self {
            config,
            accounts,
            slots,
            began,
            started_at,
            events,
            sender,
            status,
            ready,
            announced: false,
            saved: None,
            boot_id: proc::boot_id(),
        };
        Ok((supervisor, handle))
    }

    /// Runs until `shutdown` is cancelled and every service has stopped.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut stopping = false;
        loop {
            self.drive();
            self.publish(stopping);
            if stopping && self.slots.values().all(|slot| slot.machine.is_stopped()) {
                break;
            }
            let deadline = self.slots.values().filter_map(|slot| slot.machine.deadline()).min();
            tokio::select! {
                event = self.events.recv() => if let Some(event) = event { self.handle(event) },
                () = at(deadline.map(|deadline| self.began + deadline)) => {}
                () = shutdown.cancelled(), if !stopping => {
                    stopping = true;
                    notify::notify("STOPPING=1");
                    tracing::info!("stopping every service");
                    self.slots.values_mut().for_each(|slot| slot.machine.order(Action::Stop));
                }
            }
        }
        record::remove(&self.config.run_dir);
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn handle(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Ended(name, pid) => self.ended(name, pid),
            Event::Probed(name, pid, answer) => {
                let Some(slot) = self.slots.get_mut(&name) else { return };
                if !slot.runs(pid) {
                    return;
                }
                let was_ready = slot.machine.is_ready();
                slot.machine.probed(now, answer);
                if was_ready != slot.machine.is_ready() {
                    tracing::info!(service = %name, ready = !was_ready, "readiness changed");
                }
            }
            Event::Ordered(control, reply) => {
                tracing::info!(
                    bounded = true,
                    service = ?control.service,
                    action = ?control.action,
                    "operator request received"
                );
                for (name, slot) in &mut self.slots {
                    if control.service.is_none_or(|wanted| wanted == *name) {
                        slot.machine.order(control.action);
                    }
                }
                self.drive();
                drop(reply.send(self.snapshot()));
            }
        }
    }

    fn ended(&mut self, name: ServiceName, pid: u32) {
        let now = self.now();
        let Some(slot) = self.slots.get_mut(&name) else { return };
        if !slot.runs(pid) {
            return;
        }
        let Some(process) = slot.process.take() else { return };
        let how = self.explained(name, process.bury());
        let Some(slot) = self.slots.get_mut(&name) else { return };
        if slot.machine.is_going_down() {
            tracing::info!(service = %name, pid, %how, "stopped");
        } else {
            tracing::warn!(service = %name, pid, %how, "process ended");
        }
        slot.machine.exited(now, rand::random(), how);
    }

    /// Adds the reason that the service stored, if any.
    fn explained(&self, name: ServiceName, how: String) -> String {
        match failure::take(&self.state_dir(name), self.accounts[&name].uid()) {
            Some(reason) => format!("{how}: {reason}"),
            None => how,
        }
    }

    fn state_dir(&self, name: ServiceName) -> PathBuf {
        self.config.state_dir.join(name.as_str())
    }

    /// Executes decisions until no service has anything left to do now.
    fn drive(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for name in ServiceName::ALL {
                let around = self.surroundings(name);
                let now = self.now();
                let Some(slot) = self.slots.get_mut(&name) else { continue };
                let command = slot.machine.tick(now, &around);
                self.settle_socket(name);
                if let Some(command) = command {
                    self.carry_out(name, command);
                    changed = true;
                }
            }
        }
        self.save();
    }

    fn surroundings(&self, name: ServiceName) -> Surroundings {
        let missing = service(name).needs.iter().find(|need| !self.slots[need].machine.is_ready());
        Surroundings {
            missing: missing.map(|need| format!("waits for {need} to be ready")),
            may_stop: !dependents(name).any(|other| self.slots[&other].machine.is_going_down()),
        }
    }

    /// Opens or closes the socket to match the service's state. A service that was taken over holds its own socket;
    /// that socket stays in place while the service runs.
    fn settle_socket(&mut self, name: ServiceName) {
        let path = self.socket_path(name);
        let Some(slot) = self.slots.get_mut(&name) else { return };
        let held_elsewhere = slot.process.as_ref().is_some_and(Process::is_adopted);
        match (slot.machine.wants_socket(), slot.socket.is_some()) {
            (true, false) if !held_elsewhere => match listen(&path) {
                Ok(socket) => slot.socket = Some(socket),
                Err(error) => tracing::error!(service = %name, %error, "cannot open the service's socket"),
            },
            (false, _) => {
                slot.socket = None;
                drop(std::fs::remove_file(&path));
            }
            (true, _) => {}
        }
    }

    fn carry_out(&mut self, name: ServiceName, command: Command) {
        let (now, state_dir) = (self.now(), self.state_dir(name));
        let Some(slot) = self.slots.get_mut(&name) else { return };
        match command {
            Command::Spawn => {
                failure::forget(&state_dir);
                let spawned = match &slot.socket {
                    Some(socket) => {
                        spawn::spawn(name, &self.config, self.accounts[&name], socket).and_then(Process::own)
                    }
                    None => Err(std::io::Error::other("its socket is not open")),
                };
                match spawned {
                    Ok(mut process) => {
                        tracing::info!(service = %name, pid = process.pid(), "started");
                        let socket = socket_path(&self.config.run_dir, name.as_str());
                        process.watch(Watch { name, socket, events: self.sender.clone() });
                        slot.process = Some(process);
                    }
                    Err(error) => {
                        tracing::error!(service = %name, %error, "cannot start the service");
                        slot.machine.exited(now, rand::random(), format!("cannot start: {error}"));
                    }
                }
            }
            Command::Terminate => {
                if let Some(process) = &slot.process {
                    process.terminate();
                }
            }
            Command::Kill => {
                if let Some(process) = &slot.process {
                    tracing::warn!(service = %name, pid = process.pid(), "did not end in time; killed");
                    process.kill();
                }
            }
        }
    }

    fn socket_path(&self, name: ServiceName) -> PathBuf {
        socket_path(&self.config.run_dir, name.as_str())
    }

    fn save(&mut self) {
        let entry = |(name, slot): (&ServiceName, &Slot)| Entry {
            name: *name,
            wanted: slot.machine.wanted(),
            starts: slot.machine.starts(),
            process: slot.process.as_ref().map(Process::identity),
        };
        let record = Record { boot_id: self.boot_id.clone(), services: self.slots.iter().map(entry).collect() };
        if self.saved.as_ref() == Some(&record) {
            return;
        }
        match record::write(&self.config.run_dir, &record) {
            Ok(()) => self.saved = Some(record),
            Err(error) => tracing::error!(%error, "cannot write the record for the next supervisor"),
        }
    }

    fn publish(&mut self, stopping: bool) {
        let snapshot = self.snapshot();
        if snapshot.ready {
            self.ready.ready();
            if !self.announced && !stopping {
                self.announced = true;
                notify::notify("READY=1");
                tracing::info!("every service is ready");
            }
        } else {
            self.ready.not_ready("not all services are ready; see `tornadod status`");
        }
        self.status.send_replace(snapshot);
    }

    fn snapshot(&self) -> MasterStatus {
        let now = self.now();
        let line = |(name, slot): (&ServiceName, &Slot)| ServiceStatus {
            name: *name,
            wanted: slot.machine.wanted(),
            actual: slot.machine.actual(now),
            pid: slot.process.as_ref().map(Process::pid),
            started_at: slot.process.as_ref().map(|process| process.identity().started_at),
            restarts: slot.machine.starts().saturating_sub(1),
            memory_bytes: None,
        };
        let services: Vec<_> = self.slots.iter().map(line).collect();
        let ready = services.iter().all(|s| s.wanted == Wanted::Stopped || s.actual == Actual::Ready);
        MasterStatus { version: env!("CARGO_PKG_VERSION").into(), started_at: self.started_at, ready, services }
    }
}

/// Sleeps until `deadline`; never returns without one.
async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Restores a service from the record of an earlier supervisor.
fn take_over(entry: Option<&Entry>, name: ServiceName, config: &Config, events: &mpsc::Sender<Event>) -> Slot {
    let fresh = |wanted, starts| Slot { machine: Machine::new(wanted, starts), socket: None, process: None };
    let Some(entry) = entry else { return fresh(Wanted::Running, 0) };
    let process = entry.process.and_then(Process::adopt);
    let Some(mut process) = process else { return fresh(entry.wanted, entry.starts) };
    let socket = socket_path(&config.run_dir, name.as_str());
    let mut machine = Machine::adopted(entry.wanted, entry.starts);
    let reachable = std::fs::symlink_metadata(&socket).is_ok_and(|found| found.file_type().is_socket());
    let current = process.identity().program == proc::own_program();
    tracing::info!(service = %name, pid = process.pid(), reachable, current, "taken over");
    if entry.wanted == Wanted::Running && !(reachable && current) {
        machine.order(Action::Restart);
    }
    process.watch(Watch { name, socket, events: events.clone() });
    Slot { machine, socket: None, process: Some(process) }
}

#[cfg(test)]
mod tests;
