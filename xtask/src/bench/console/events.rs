//! Time from a change of a session to its row on the screen.

use super::window::Change;
use super::world::{CONSOLE, World};
use crate::bench::fleet::Act;
use crate::bench::{Goal, Report};
use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::json;
use std::ops::Range;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Duration of a series of changes, in units of the option `--seconds`.
pub const SHARE: u32 = 30;
/// Pauses in milliseconds, from and to. A change causes two readings of the page, at once and after the numbers of
/// sessions have changed, and readings without a rest between them become rare: after `ALONE` nothing delays the next.
const ALONE: (u64, u64) = (2_200, 3_200);
const MIXED: (u64, u64) = (100, 2_500);
/// Longest time that is waited for a change.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures both series on the list of sessions.
pub fn measure(world: &mut World, devices: &Range<usize>, seconds: u32, report: &mut Report) -> anyhow::Result<()> {
    let time = Duration::from_secs((seconds * SHARE).into());
    for (name, pauses) in [("alone", ALONE), ("mixed", MIXED)] {
        eprintln!("events, {name}");
        let times = series(world, devices, time, pauses)?;
        let p99 = times.screen.p99();
        report.goal(Goal::at_most(&format!("event on the screen, {name}, p99, ms"), 200.0, p99));
        report.put(
            &format!("events_{name}"),
            json!({
                "count": times.screen.0.len(),
                "pauses_ms": pauses,
                "device's call to screen, ms": times.screen.summary(),
                "device's call to event in the browser, ms": times.event.summary(),
                "response to the device to screen, ms": times.response.summary(),
            }),
        )?;
    }
    Ok(())
}

/// Times in milliseconds.
#[derive(Default)]
struct Millis(Vec<f64>);

#[derive(Serialize)]
struct Summary {
    p50: Option<f64>,
    p99: Option<f64>,
    most: Option<f64>,
}

impl Millis {
    fn at(&self, percent: usize) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied()
    }

    fn p99(&self) -> Option<f64> {
        self.at(99)
    }

    fn summary(&self) -> Summary {
        Summary { p50: self.at(50), p99: self.at(99), most: self.at(100) }
    }
}

#[derive(Default)]
struct Times {
    /// From the device's call, with its TLS handshake, until the row was painted.
    screen: Millis,
    /// From the device's call until the browser received the event.
    event: Millis,
    /// From the response to the device until the row was painted. The event happens shortly before the response.
    response: Millis,
}

/// Disconnects and connects one of the devices again and again.
fn series(
    world: &mut World,
    devices: &Range<usize>,
    time: Duration,
    (shortest, longest): (u64, u64),
) -> anyhow::Result<Times> {
    world.window.open(&format!("{CONSOLE}/sessions"), false)?;
    // The first events open the stream between the services.
    std::thread::sleep(Duration::from_secs(3));
    let all = world.window.watch()?;
    ensure!(all == devices.len(), "the page shows {all} of {} sessions", devices.len());
    let one = devices.start..devices.start + 1;
    let (started, mut times, mut pause) = (Instant::now(), Times::default(), shortest);
    for turn in 0.. {
        // A change is never left half done, so that the next series finds all sessions.
        if turn % 2 == 0 && started.elapsed() >= time {
            break;
        }
        // Steps through the range without a pattern that fits to the page's timers.
        pause = shortest + (pause * 7_919 + 104_729) % (longest - shortest);
        std::thread::sleep(Duration::from_millis(pause));
        let (act, rows) = if turn % 2 == 0 { (Act::Disconnect, all - 1) } else { (Act::Connect, all) };
        let called = now();
        world.fleet.act(act, &one, 1, None)?;
        let answered = now();
        let change = wait(world, called, rows)?;
        times.screen.0.push(change.painted - called);
        times.response.0.push(change.painted - answered);
        times.event.0.push(change.event - called);
    }
    Ok(times)
}

/// The first change since a time after which the page has so many rows.
fn wait(world: &mut World, since_ms: f64, rows: usize) -> anyhow::Result<Change> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let changes = world.window.changes(since_ms)?;
        if let Some(change) = changes.into_iter().find(|change| change.rows == rows) {
            return Ok(change);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None.with_context(|| format!("the page does not show {rows} sessions within {PATIENCE:?}"))
}

/// Milliseconds since 1970, as the browser's `Date.now()`, but not rounded.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times = Millis((1..=200).rev().map(f64::from).collect());
        assert_eq!((times.at(50), times.p99(), times.at(100)), (Some(100.0), Some(198.0), Some(200.0)));
        assert_eq!(Millis::default().p99(), None);
    }
}
