//! Two hundred devices at the same time, in one host of the lab.

use crate::chance::Chance;
use crate::device::{Device, Habit, Journal};
use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{RwLock, RwLockWriteGuard};
use tornado_e2e_harness::Host;

/// Devices that are active until this is dropped.
#[derive(Debug)]
pub struct Fleet {
    gate: Arc<RwLock<()>>,
    stop: Arc<AtomicBool>,
    journals: Vec<(Habit, Arc<Mutex<Journal>>)>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Account name of a device.
#[must_use]
pub fn username(number: u16) -> String {
    format!("light{number:03}")
}

impl Fleet {
    /// Starts `count` devices with the accounts of [`username`]. Every second one is steady.
    ///
    /// # Errors
    ///
    /// Fails if the devices cannot be created.
    pub fn start(host: &Host, server: SocketAddr, count: u16, seed: u64) -> Result<Self> {
        let gate = Arc::new(RwLock::new(()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut devices = Vec::new();
        let mut journals = Vec::new();
        for number in 1..=count {
            let habit = if number % 2 == 0 { Habit::Steady } else { Habit::Restless };
            let chance = Chance::new(seed.wrapping_mul(1000).wrapping_add(number.into()));
            let device = Device::new(server, &username(number), habit, chance)?;
            journals.push((habit, device.journal()));
            devices.push(device);
        }
        let (host, gate_of_all, flag) = (host.clone(), gate.clone(), stop.clone());
        let (send, begun) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("fleet".into()).spawn(move || {
            let entered = host.enter(|| {
                // The threads of the runtime are created in the host's namespace.
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
                let Ok(runtime) = runtime else { return };
                send.send(()).ok();
                runtime.block_on(async {
                    let tasks =
                        devices.into_iter().map(|device| tokio::spawn(live(device, gate_of_all.clone(), flag.clone())));
                    for task in tasks.collect::<Vec<_>>() {
                        drop(task.await);
                    }
                });
            });
            drop(entered);
        })?;
        begun.recv().context("the devices cannot enter the namespace of their host")?;
        Ok(Self { gate, stop, journals, thread: Some(thread) })
    }

    /// Waits for all calls in progress. No call starts until the guard is dropped.
    pub fn hold(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.blocking_write()
    }

    /// The journals of all devices.
    #[must_use]
    pub fn journals(&self) -> Vec<(Habit, Journal)> {
        let read = |journal: &Arc<Mutex<Journal>>| journal.lock().clone();
        self.journals.iter().map(|(habit, journal)| (*habit, read(journal))).collect()
    }

    /// The failures of devices that are not connected, with the number of devices for each.
    #[must_use]
    pub fn troubles(&self) -> String {
        let journals = self.journals();
        let mut troubles = BTreeMap::<_, u32>::new();
        for (_, journal) in journals.iter().filter(|(_, journal)| journal.current.is_none()) {
            *troubles.entry(journal.trouble.as_str()).or_default() += 1;
        }
        let lines = troubles.into_iter().map(|(trouble, count)| format!("{count} devices: {trouble}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Clears the losses of steady devices that were intended.
    pub fn forgive(&self) {
        for (_, journal) in &self.journals {
            journal.lock().losses.clear();
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn live(mut device: Device, gate: Arc<RwLock<()>>, stop: Arc<AtomicBool>) {
    let mut last = Duration::ZERO;
    while !stop.load(Ordering::SeqCst) {
        tokio::time::sleep(device.pause(last)).await;
        let _open = gate.read().await;
        let began = Instant::now();
        device.act().await;
        last = began.elapsed();
    }
}
