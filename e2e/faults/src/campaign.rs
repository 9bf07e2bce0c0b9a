//! Rounds of one fault each, and what must hold after each.

use crate::chance::Chance;
use crate::fleet::{Fleet, username};
use crate::harm::Harm;
use crate::truth::Truth;
use crate::world::{FaultWorld, TOR_ONLY_PORT, leak_filter};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tornado_e2e_harness::{Capture, DeviceProc, Host, INTERNET, wait_for};

/// Devices that only speak the API.
const LIGHT: u16 = 197;
/// Devices with tunnels; the last one is on the tor lane.
const HEAVY: u16 = 3;
/// How long the server may take to be whole again.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long sweeps may take after that.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

/// A server under load, ready for harm.
#[derive(Debug)]
pub struct Campaign {
    fleet: Fleet,
    devices: Vec<DeviceProc>,
    knocking: Knocking,
    capture: Capture,
    world: FaultWorld,
    chance: Chance,
    harms: Vec<Harm>,
}

/// Something on the tor lane that tries to get out in the clear, all the time.
#[derive(Debug)]
struct Knocking {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<u64>>,
}

impl Knocking {
    fn start(host: &Host, http: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (host, flag) = (host.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut knocks = 0;
            let udp = SocketAddr::new(INTERNET.v4.into(), TOR_ONLY_PORT);
            while !flag.load(Ordering::SeqCst) {
                // Refused, or answered by the server's own page: the capture says whether anything got out.
                drop(host.http_get_within(http, "/", Duration::from_millis(400)));
                drop(host.udp_ask(udp, b"leak?", Duration::from_millis(100)));
                knocks += 1;
            }
            knocks
        });
        Self { stop, thread: Some(thread) }
    }

    fn stop(&mut self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Knocking {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Campaign {
    /// Puts everything up and waits until all devices are connected.
    ///
    /// # Errors
    /// When they are not after two minutes.
    pub fn begin(cluster: bool, seed: u64) -> Result<Self> {
        let world = FaultWorld::up(HEAVY + 1, cluster)?;
        for number in 1..=LIGHT {
            world.world.account(&username(number), 1)?;
        }
        let lab = &world.world.lab;
        let capture = lab.host("server")?.capture("eth0", &leak_filter())?;
        let mut devices = Vec::new();
        for number in 1..=HEAVY {
            let device = world.world.enrolled(number)?;
            let lane = if number == HEAVY { "tor" } else { "direct" };
            device.cli(&["connect", "--lane", lane])?.success()?;
            devices.push(device);
        }
        let last = devices.last().context("no devices")?;
        let knocking = Knocking::start(last.host(), world.world.internet.http_v4());
        let fleet = Fleet::start(lab.host(&format!("device{}", HEAVY + 1))?, world.world.api(), LIGHT, seed)?;
        let wanted = std::env::var("TORNADO_FAULT_ONLY").unwrap_or_default();
        let harms: Vec<_> = Harm::all(cluster).into_iter().filter(|harm| harm.name().contains(&wanted)).collect();
        ensure!(!harms.is_empty(), "no fault's name holds '{wanted}'");
        let campaign = Self { fleet, devices, knocking, capture, world, chance: Chance::new(seed), harms };
        let begun = wait_for("all devices to be connected once", Duration::from_secs(120), || {
            let all = campaign.fleet.journals().iter().all(|(_, journal)| !journal.opened.is_empty());
            Ok(all.then_some(()))
        });
        begun.with_context(|| campaign.words(&campaign.fleet.troubles()))?;
        campaign.fleet.forgive();
        campaign.hold("nothing happened")?;
        Ok(campaign)
    }

    /// Does this many rounds. Prints each.
    ///
    /// # Errors
    /// At the first round after which something does not hold.
    pub fn rounds(&mut self, count: u32) -> Result<()> {
        let mut met: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        for round in 1..=count {
            let harm = *self.chance.pick(&self.harms).context("no faults")?;
            std::thread::sleep(self.chance.millis(0, 600));
            let began = Instant::now();
            let struck = harm.strike(&mut self.world).with_context(|| format!("round {round}, {}", harm.name()))?;
            let tally = met.entry(harm.name()).or_default();
            *(if struck { &mut tally.0 } else { &mut tally.1 }) += 1;
            self.world.settle(READY_WITHIN).with_context(|| self.words(&format!("round {round}, {}", harm.name())))?;
            self.hold(&format!("round {round}, {}", harm.name()))?;
            say(&format!(
                "round {round} of {count}: {}{} held after {:.1} s",
                harm.name(),
                if struck { String::new() } else { format!(" (not met; {})", self.fleet.troubles()) },
                began.elapsed().as_secs_f32()
            ));
        }
        say(&format!("faults (struck, not met): {met:?}"));
        Ok(())
    }

    /// Ends the load and says what the capture saw.
    ///
    /// # Errors
    /// When a packet of the tor lane left in the clear.
    pub fn end(self) -> Result<()> {
        let Self { fleet, mut knocking, capture, devices, world, .. } = self;
        let knocks = knocking.stop();
        drop(fleet);
        let seen = capture.stop()?;
        drop((devices, world));
        say(&format!("{knocks} tries to leave the tor lane, {} packets seen", seen.count()));
        ensure!(knocks > 0, "nobody tried to leave the tor lane");
        let first: Vec<_> = seen.lines().iter().take(5).collect();
        ensure!(seen.count() == 0, "{} packets left in the clear, the first: {first:?}", seen.count());
        Ok(())
    }

    /// Holds the load and looks until nothing is wrong.
    fn hold(&self, when: &str) -> Result<()> {
        let held = self.fleet.hold();
        let began = Instant::now();
        loop {
            let journals = self.fleet.journals();
            let faults = match Truth::read(&self.world.world) {
                Ok(truth) => truth.faults(&journals, true),
                Err(error) => vec![format!("the state cannot be read: {error:#}")],
            };
            if faults.is_empty() {
                break;
            }
            if began.elapsed() > SETTLED_WITHIN {
                let (words, count) = (self.words(when), faults.len());
                bail!("{words}\n{count} things do not hold:\n{}\n{}", some_of_each(faults), self.fleet.troubles());
            }
            std::thread::sleep(Duration::from_millis(150));
        }
        drop(held);
        self.tunnels(when)
    }

    /// The tunnels of the direct lane carry packets.
    fn tunnels(&self, when: &str) -> Result<()> {
        let echo = self.world.world.internet.echo_v4();
        for device in self.devices.iter().take(usize::from(HEAVY) - 1) {
            let carried = wait_for("a tunnel to carry packets", Duration::from_secs(20), || {
                Ok(device.host().udp_ask(echo, b"hello", Duration::from_millis(500)).ok().flatten())
            });
            carried.with_context(|| self.words(when))?;
        }
        Ok(())
    }

    fn words(&self, when: &str) -> String {
        format!("{when}; the server's last words:\n{}", self.world.last_words(60))
    }
}

/// The first three of each kind.
fn some_of_each(faults: Vec<String>) -> String {
    let mut kinds = BTreeMap::<String, usize>::new();
    let shown = faults.into_iter().filter(|fault| {
        // What follows the colon, or a device's name before it, tells one from the other.
        let kind = fault.split(':').find(|part| !part.starts_with("light")).unwrap_or_default();
        let met = kinds.entry(kind.to_owned()).or_default();
        *met += 1;
        *met <= 3
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[expect(clippy::print_stdout, reason = "the output of a test is how it speaks to its runner")]
fn say(line: &str) {
    println!("{line}");
}

/// One campaign as the environment wants it. `share`: the part of the rounds, in percent.
///
/// # Errors
/// When something does not come up or does not hold.
pub fn run(cluster: bool, share: u32) -> Result<()> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let rounds = number("TORNADO_FAULT_ROUNDS").unwrap_or(20).saturating_mul(share.into()).div_ceil(100);
    let seed = number("TORNADO_FAULT_SEED").unwrap_or_else(rand::random);
    let profile = if cluster { "cluster" } else { "embedded" };
    say(&format!("profile {profile}, {rounds} rounds, TORNADO_FAULT_SEED={seed}"));
    let mut campaign = Campaign::begin(cluster, seed)?;
    campaign.rounds(u32::try_from(rounds).unwrap_or(u32::MAX)).with_context(|| format!("TORNADO_FAULT_SEED={seed}"))?;
    campaign.end()
}
