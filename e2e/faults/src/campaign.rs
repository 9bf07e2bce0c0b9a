//! The campaign: rounds of one fault each, and the invariants that must hold after each round.

use crate::chance::Chance;
use crate::fleet::{Fleet, username};
use crate::harm::{Harm, Kind};
use crate::lane::{self, Knocking, leak_filter};
use crate::truth::Truth;
use crate::world::{FaultWorld, STEP_WITHIN};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tornado_e2e_harness::{Capture, DeviceProc, wait_for};

/// Number of devices that use only the API.
const LIGHT: u16 = 197;
/// Number of devices with tunnels; the last one uses the tor lane.
const HEAVY: u16 = 3;
/// Time limit for the server to become ready after a fault.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Time limit for sweeps to settle after that.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

/// From this number of rounds on, every kind of fault must have struck.
const MANY: u32 = 10;
/// A step that the load passes constantly.
const ALWAYS: &str = "login.stored";

/// A server under load.
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

impl Campaign {
    /// Starts everything and waits until all devices are connected.
    ///
    /// # Errors
    ///
    /// Fails if they are not connected after two minutes.
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
        let last = devices.last().context("the campaign has no devices")?;
        let knocking = Knocking::start(last.host(), world.world.internet.http_v4());
        let fleet = Fleet::start(lab.host(&format!("device{}", HEAVY + 1))?, world.world.api(), LIGHT, seed)?;
        let wanted = std::env::var("TORNADO_FAULT_ONLY").unwrap_or_default();
        let harms: Vec<_> = Harm::all(cluster).into_iter().filter(|harm| harm.name().contains(&wanted)).collect();
        ensure!(!harms.is_empty(), "no fault has a name that contains '{wanted}'");
        let campaign = Self { fleet, devices, knocking, capture, world, chance: Chance::new(seed), harms };
        let begun = wait_for("all devices to be connected once", Duration::from_secs(120), || {
            let all = campaign.fleet.journals().iter().all(|(_, journal)| !journal.opened.is_empty());
            Ok(all.then_some(()))
        });
        begun.with_context(|| campaign.words(&campaign.fleet.troubles()))?;
        campaign.fleet.forgive();
        campaign.hold("before the first fault")?;
        Ok(campaign)
    }

    /// Checks that the programs have fault points. Release builds do not, so no fault would ever strike.
    fn obeyed(&mut self) -> Result<()> {
        if !self.harms.iter().any(|harm| matches!(harm.kind(), Kind::Step | Kind::Clock)) {
            return Ok(());
        }
        let struck = self.world.pass(ALWAYS, STEP_WITHIN)?;
        ensure!(struck, "no process died at {ALWAYS}; build the programs with debug assertions");
        self.world.settle(READY_WITHIN).with_context(|| self.words(ALWAYS))?;
        self.hold(ALWAYS)
    }

    /// Draws a fault of a kind that has not struck yet, if there is one, so that few rounds cover all kinds.
    fn draw(&mut self, struck: &BTreeSet<Kind>) -> Result<Harm> {
        let fresh: Vec<_> = self.harms.iter().copied().filter(|harm| !struck.contains(&harm.kind())).collect();
        let kinds: Vec<Kind> = BTreeSet::from_iter(fresh.iter().map(|harm| harm.kind())).into_iter().collect();
        let kind = self.chance.pick(&kinds).copied();
        let all = self.harms.iter().copied().filter(|harm| kind.is_none_or(|kind| harm.kind() == kind));
        self.chance.pick(&all.collect::<Vec<_>>()).copied().context("there are no faults to draw from")
    }

    /// Runs this many rounds and prints each.
    ///
    /// # Errors
    ///
    /// Fails after the first round that violates an invariant, or if the rounds prove nothing.
    pub fn rounds(&mut self, count: u32) -> Result<()> {
        self.obeyed()?;
        let mut met: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        let mut kinds = BTreeSet::new();
        for round in 1..=count {
            let harm = self.draw(&kinds)?;
            std::thread::sleep(self.chance.millis(0, 600));
            let began = Instant::now();
            let struck = harm.strike(&mut self.world).with_context(|| format!("round {round}, {}", harm.name()))?;
            let tally = met.entry(harm.name()).or_default();
            *(if struck { &mut tally.0 } else { &mut tally.1 }) += 1;
            kinds.extend(struck.then(|| harm.kind()));
            self.world.settle(READY_WITHIN).with_context(|| self.words(&format!("round {round}, {}", harm.name())))?;
            self.hold(&format!("round {round}, {}", harm.name()))?;
            say(&format!(
                "round {round} of {count}: {}{} held after {:.1} s",
                harm.name(),
                if struck { String::new() } else { format!(" (did not strike; {})", self.fleet.troubles()) },
                began.elapsed().as_secs_f32()
            ));
        }
        say(&format!("faults (struck, did not strike): {met:?}"));
        proves(count, &self.harms.iter().map(|harm| harm.kind()).collect(), &kinds)
    }

    /// Ends the load and evaluates the capture.
    ///
    /// # Errors
    ///
    /// Fails if a packet of the tor lane left in the clear, or if the capture would not have seen it.
    pub fn end(self) -> Result<()> {
        let Self { fleet, mut knocking, capture, devices, world, .. } = self;
        let knocks = knocking.stop();
        drop(fleet);
        let leaks = lane::leaks(capture, world.world.lab.host("server")?)?;
        drop((devices, world));
        say(&format!(
            "{knocks} attempts to leave the tor lane, captured {} packets besides the server's own",
            leaks.len()
        ));
        ensure!(knocks > 0, "there was no attempt to leave the tor lane");
        let first: Vec<_> = leaks.iter().take(5).collect();
        ensure!(leaks.is_empty(), "{} packets left in the clear, the first: {first:?}", leaks.len());
        Ok(())
    }

    /// Pauses the load and checks the invariants until they hold.
    fn hold(&self, when: &str) -> Result<()> {
        let held = self.fleet.hold();
        let began = Instant::now();
        loop {
            let journals = self.fleet.journals();
            let faults = match Truth::read(&self.world.world) {
                Ok(truth) => truth.faults(&journals),
                Err(error) => vec![format!("cannot read the state: {error:#}")],
            };
            if faults.is_empty() {
                break;
            }
            if began.elapsed() > SETTLED_WITHIN {
                let (words, count) = (self.words(when), faults.len());
                bail!("{words}\n{count} violations:\n{}\n{}", some_of_each(faults), self.fleet.troubles());
            }
            std::thread::sleep(Duration::from_millis(150));
        }
        drop(held);
        self.tunnels(when)
    }

    /// Checks that the tunnels carry packets: those of the direct lane to `internet`, that of the tor lane to the
    /// server.
    fn tunnels(&self, when: &str) -> Result<()> {
        let echo = self.world.world.internet.echo_v4();
        let (last, direct) = self.devices.split_last().context("the campaign has no devices")?;
        for device in direct {
            let carried = wait_for("a tunnel to carry packets", Duration::from_secs(20), || {
                Ok(device.host().udp_ask(echo, b"hello", Duration::from_millis(500)).ok().flatten())
            });
            carried.with_context(|| self.words(when))?;
        }
        lane::arrives(&self.world.world, last).with_context(|| self.words(when))
    }

    fn words(&self, when: &str) -> String {
        format!("{when}; the server's latest log lines:\n{}", self.world.last_words(60))
    }
}

/// Checks whether successful rounds prove anything. `kinds` are those that could be drawn.
fn proves(rounds: u32, kinds: &BTreeSet<Kind>, struck: &BTreeSet<Kind>) -> Result<()> {
    ensure!(!struck.is_empty(), "no fault struck in {rounds} rounds");
    let missing: Vec<_> = kinds.difference(struck).collect();
    ensure!(rounds < MANY || missing.is_empty(), "in {rounds} rounds no fault of these kinds struck: {missing:?}");
    Ok(())
}

/// The first three violations of each kind.
fn some_of_each(faults: Vec<String>) -> String {
    let mut kinds = BTreeMap::<String, usize>::new();
    let shown = faults.into_iter().filter(|fault| {
        // Text after a colon, and the name of a device before it, does not belong to the kind.
        let kind = fault.split(':').find(|part| !part.starts_with("light")).unwrap_or_default();
        let met = kinds.entry(kind.to_owned()).or_default();
        *met += 1;
        *met <= 3
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[expect(clippy::print_stdout, reason = "the runner reads the output of a test")]
fn say(line: &str) {
    println!("{line}");
}

/// Runs a campaign as configured in the environment. `share` is its part of the rounds in percent.
///
/// # Errors
///
/// Fails if something does not start or an invariant is violated.
pub fn run(cluster: bool, share: u32) -> Result<()> {
    let number = |name: &str| {
        let value = std::env::var(name).ok();
        let number = value.map(|value| value.parse::<u64>().with_context(|| format!("{name}={value} is not a number")));
        number.transpose()
    };
    let rounds = number("TORNADO_FAULT_ROUNDS")?.unwrap_or(20).saturating_mul(share.into()).div_ceil(100);
    ensure!(rounds > 0, "a campaign without rounds proves nothing");
    let seed = number("TORNADO_FAULT_SEED")?.unwrap_or_else(rand::random);
    let profile = if cluster { "cluster" } else { "embedded" };
    say(&format!("profile {profile}, {rounds} rounds, TORNADO_FAULT_SEED={seed}"));
    let mut campaign = Campaign::begin(cluster, seed)?;
    campaign.rounds(u32::try_from(rounds).unwrap_or(u32::MAX)).with_context(|| format!("TORNADO_FAULT_SEED={seed}"))?;
    campaign.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_in_which_nothing_struck_prove_nothing() {
        let all = BTreeSet::from([Kind::Kill, Kind::Step]);
        assert!(proves(0, &all, &BTreeSet::new()).is_err());
        assert!(proves(5, &all, &BTreeSet::new()).is_err());
        assert!(proves(5, &all, &[Kind::Kill].into()).is_ok());
        assert!(proves(MANY, &all, &[Kind::Kill].into()).is_err(), "renamed steps never strike");
        assert!(proves(MANY, &all, &all).is_ok());
        assert!(proves(MANY, &[Kind::Kill].into(), &[Kind::Kill].into()).is_ok(), "only these kinds were requested");
    }
}
