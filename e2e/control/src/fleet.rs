//! A fleet of devices that the bench controls.

use crate::device::{Device, PASSWORD, login_key};
use crate::http::{Caller, Target, tls};
use crate::times::Calls;
use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// Arguments of `fleet`.
#[derive(clap::Args)]
pub struct Words {
    /// Address of the device API
    #[arg(long)]
    server: SocketAddr,
    /// Directory of the services' sockets, to create accounts
    #[arg(long)]
    sockets: PathBuf,
}

/// An order, one line on standard input.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
enum Order {
    /// Creates accounts named `NAMEn` with `devices` devices each.
    Accounts { name: String, first: usize, count: usize, devices: usize },
    /// Makes calls for a range of the existing devices, once for each or, with `seconds`, as often as possible in that
    /// time, but at most `rate` per second.
    Act { what: Act, first: usize, count: usize, callers: usize, seconds: Option<f64>, rate: Option<f64> },
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Login,
    Connect,
    Heartbeat,
    Disconnect,
}

/// When the calls of a series are made.
#[derive(Clone, Copy)]
struct Pace {
    started: Instant,
    /// `None`: one call for each device.
    until: Option<Instant>,
    /// Calls per second; `None`: as many as possible.
    rate: Option<f64>,
}

impl Pace {
    fn is_over(self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Waits until the call with this number is due. Calls that are late are made at once.
    async fn wait(self, turn: usize) {
        if let Some(rate) = self.rate {
            tokio::time::sleep_until((self.started + Duration::from_secs_f64(turn as f64 / rate)).into()).await;
        }
    }
}

/// Concurrent callers that create accounts.
const MAKERS: usize = 16;

struct Fleet {
    api: Target,
    auth: Target,
    devices: Vec<Arc<Mutex<Device>>>,
}

impl Words {
    /// Executes orders until standard input ends.
    pub fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let auth = Target::Unix(self.sockets.join("auth.sock"));
        let mut fleet = Fleet { api: tls(self.server)?, auth, devices: Vec::new() };
        for line in std::io::stdin().lines() {
            let order: Order = serde_json::from_str(&line?).context("invalid order")?;
            let answer = match runtime.block_on(fleet.obey(order)) {
                Ok(answer) => answer,
                Err(error) => json!({ "error": format!("{error:#}") }),
            };
            println!("{answer}");
        }
        Ok(())
    }
}

impl Fleet {
    async fn obey(&mut self, order: Order) -> anyhow::Result<Value> {
        match order {
            Order::Accounts { name, first, count, devices } => {
                self.accounts(&name, first..first + count, devices).await
            }
            Order::Act { what, first, count, callers, seconds, rate } => {
                let some = self.devices.get(first..first + count).context("the range exceeds the existing devices")?;
                let rate = rate.filter(|rate| *rate > 0.0);
                self.act(what, some.to_vec(), callers, seconds.map(Duration::from_secs_f64), rate).await
            }
        }
    }

    async fn accounts(&mut self, name: &str, numbers: std::ops::Range<usize>, devices: usize) -> anyhow::Result<Value> {
        let started = Instant::now();
        let names: Vec<String> = numbers.map(|number| format!("{name}{number}")).collect();
        let next = Arc::new(AtomicUsize::new(0));
        let shared: Arc<[String]> = names.clone().into();
        let mut makers = JoinSet::new();
        for _ in 0..MAKERS {
            let (next, names, mut caller) = (next.clone(), shared.clone(), Caller::new(self.auth.clone()));
            makers.spawn(async move {
                let mut calls = Calls::default();
                while let Some(username) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let body = json!({ "username": username, "password": PASSWORD, "max_devices": devices });
                    let began = Instant::now();
                    let made = caller.call("POST", "/v1/users", None, &body.to_string()).await;
                    calls.note(began.elapsed(), made);
                }
                calls
            });
        }
        let all = Calls::of(makers).await?;
        for username in names {
            for _ in 0..devices {
                self.devices.push(Arc::new(Mutex::new(Device::new(username.clone()))));
            }
        }
        Ok(all.report(started.elapsed()))
    }

    /// With `time`, repeats the calls in a loop for so long; otherwise makes one call for each device. `rate` limits
    /// the calls per second.
    async fn act(
        &self,
        what: Act,
        devices: Vec<Arc<Mutex<Device>>>,
        callers: usize,
        time: Option<Duration>,
        rate: Option<f64>,
    ) -> anyhow::Result<Value> {
        let key = Arc::new(login_key(&mut Caller::new(self.api.clone())).await?);
        let (devices, next): (Arc<[_]>, _) = (devices.into(), Arc::new(AtomicUsize::new(0)));
        let started = Instant::now();
        let pace = Pace { started, until: time.map(|time| started + time), rate };
        let mut set = JoinSet::new();
        for _ in 0..callers {
            let (devices, next, key) = (devices.clone(), next.clone(), key.clone());
            let mut caller = Caller::new(self.api.clone());
            set.spawn(async move {
                let mut calls = Calls::default();
                while !pace.is_over() {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let place = if pace.until.is_some() { turn % devices.len().max(1) } else { turn };
                    let Some(device) = devices.get(place) else { break };
                    pace.wait(turn).await;
                    let mut device = device.lock().await;
                    let began = Instant::now();
                    let done = match what {
                        Act::Login => device.log_in(&mut caller, &key).await,
                        Act::Connect => device.connect(&mut caller).await,
                        Act::Heartbeat => device.heartbeat(&mut caller).await,
                        Act::Disconnect => device.disconnect(&mut caller).await,
                    };
                    calls.note(began.elapsed(), done);
                }
                calls
            });
        }
        Ok(Calls::of(set).await?.report(started.elapsed()))
    }
}
