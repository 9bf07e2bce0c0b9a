//! The list of 20,000 sessions with 500 events per second.

use super::window::{Held, Memory};
use super::world::{CONSOLE, World};
use crate::bench::fleet::{Act, Calls};
use crate::bench::{Goal, Report};
use anyhow::anyhow;
use serde_json::json;
use std::ops::Range;
use std::time::Duration;

/// Sessions of the list.
const MANY: usize = 20_000;
/// Time limit for their creation.
const GROWTH: Duration = Duration::from_secs(600);
/// Events per second. A connect with another key closes the session and creates one: two events.
const EVENTS: f64 = 500.0;
const EVENTS_EACH: f64 = 2.0;
/// Part of the events that must arrive: the pace varies within a second.
const ENOUGH: f64 = 0.97;
/// Concurrent callers.
const CALLERS: usize = 32;
/// Time before the measurement, in which the page reaches its steady state, and after it.
const SETTLE: u64 = 20;
const AFTER: u64 = 5;
/// Requests of the document of the long list.
const REQUESTS: usize = 50;
/// A page without a leak differs by this much between two collections of garbage, in MiB.
const FLAT: f64 = 2.0;

/// Measures a page for so many minutes. `devices` are connected already.
pub fn measure(world: &mut World, devices: Range<usize>, minutes: u32, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("{MANY} sessions");
    let more = world.connect(MANY - devices.len(), GROWTH)?;
    let all = devices.start..more.end;
    report.goal(Goal::at_least("sessions of the list", MANY as f64, Some(all.len() as f64)));
    let address = format!("{CONSOLE}/sessions");
    let cookie = world.window.sign_in(CONSOLE, super::OWNER, super::PASSWORD)?;
    let document = world.window.documents(&address, Some(&cookie), REQUESTS, None)?;
    report.put("document_of_the_long_list_ms", json!({ "p50": document.p50_ms, "p99": document.p99_ms }))?;
    world.window.open(&address, false)?;
    eprintln!("{EVENTS} events per second for {minutes} min");
    let seconds = u64::from(minutes) * 60;
    let (held, calls) = under_load(world, &all, seconds)?;
    if held.samples_without_table > 0 {
        let of = held.heap_samples.len();
        report.warn(&format!("the page had no table in {} of {of} samples", held.samples_without_table));
    }
    report.goal(Goal::at_least("events per second in the browser", EVENTS * ENOUGH, Some(held.events_s)));
    // The browser reports tasks longer than 50 ms only.
    let longest = held.longest_task_ms.unwrap_or(50.0);
    report.goal(Goal::at_most("longest task of the page (50: none was longer), ms", 100.0, Some(longest)));
    let growth = |of: fn(&Memory) -> f64| (of(&held.end) - of(&held.start)) / f64::from(1 << 20);
    report.goal(Goal::at_most("growth of the JavaScript heap, MiB", FLAT, Some(growth(|memory| memory.heap_bytes))));
    report.goal(Goal::at_most("growth of the WebAssembly memory, MiB", FLAT, Some(growth(|memory| memory.wasm_bytes))));
    match calls {
        Ok(calls) => {
            let of = json!({ "a_second": calls.rate, "p50_ms": calls.p50_ms, "p99_ms": calls.p99_ms });
            report.put("connects_under_load", of)?;
        }
        Err(error) => report.warn(&format!("{error:#}")),
    }
    report.put("admin_under_load_mb", world.memory("admin")?)?;
    report.put("page_under_load", held)
}

/// Measures the open page while sessions change. Connects that failed do not void what the page showed.
fn under_load(
    world: &mut World,
    devices: &Range<usize>,
    seconds: u64,
) -> anyhow::Result<(Held, anyhow::Result<Calls>)> {
    let World { fleet, window, .. } = world;
    // The collections of garbage before and after the measurement take a few seconds.
    let time = (SETTLE + seconds + AFTER) as f64;
    std::thread::scope(|scope| {
        let load = scope.spawn(|| fleet.pace(Act::Connect, devices, CALLERS, time, EVENTS / EVENTS_EACH));
        let held = window.hold(SETTLE, seconds);
        let calls = load.join().map_err(|_| anyhow!("the load's thread panicked"))?;
        Ok((held?, calls))
    })
}
