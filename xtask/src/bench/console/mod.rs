//! The console in Chromium, with a whole server: documents, first paint and hydration, events on the screen, and a page
//! with 20,000 sessions. Browser, server and devices share the cores of the machine.

mod copies;
mod events;
mod load;
mod window;
mod world;

use super::{Bench, Goal, Options, Report, Rounds, Sample, prepare_lab};
use crate::machine::programs::Need;
use crate::web;
use copies::PAGES;
use std::collections::BTreeMap;
use std::time::Duration;
use world::{CONSOLE, COPIES, PASSWORD, World};

/// Requests of each document in a round. Three rounds stay below the rate limit of an operator's readings.
const REQUESTS: usize = 200;
/// Limits for the measurements of the documents and for [`events::SHARE`].
const MOST: (usize, u32) = (3, 60);
/// Sessions while documents and events are measured.
const FEW: usize = 20;
/// Time limit for the creation of the first sessions.
const START: Duration = Duration::from_secs(60);
/// Pause before the memory of an idle process is read.
const REST: Duration = Duration::from_secs(10);
/// Operator of the browser.
const OWNER: &str = "ann";
/// The contestants: the server, and nginx with copies of the same documents.
const OURS: &str = "tornado";
const COPY: &str = "nginx, copies";

/// The bench `console`, in a lab.
pub const BENCH: Bench = Bench {
    name: "console",
    about: "pages in Chromium against copies of them in nginx, events on the screen, 20,000 sessions with 500 events/s",
    prepare,
    run,
};

fn prepare() -> anyhow::Result<()> {
    prepare_lab(&[Need::Server, Need::Test], &["tornadod", "tornado-e2e-control", "tornado-e2e-console"])?;
    // Other programs have their own files.
    if std::env::var_os("TORNADO_BIN_DIR").is_none() { web::build() } else { Ok(()) }
}

fn run(options: &Options) -> anyhow::Result<Report> {
    let options = options.at_most(MOST);
    let mut report = Report::default();
    let mut world = World::up()?;
    std::thread::sleep(REST);
    let idle = world.memory("admin")?;
    report.goal(Goal::at_most("admin, idle after the start, MB resident", 30.0, Some(idle)));
    world.operator(OWNER)?;
    let devices = world.connect(FEW, START)?;
    world.window.enter(CONSOLE, OWNER, PASSWORD)?;
    let done = documents(&mut world, &options, &mut report);
    note("documents", done, &mut report);
    let done = events::measure(&mut world, &devices, options.seconds, &mut report);
    note("events", done, &mut report);
    world.window.open("about:blank", false)?;
    std::thread::sleep(REST);
    let used = world.memory("admin")?;
    report.goal(Goal::at_most("admin, idle after use, MB resident", 30.0, Some(used)));
    let done = load::measure(&mut world, devices, options.minutes, &mut report);
    note("a page under load", done, &mut report);
    Ok(report)
}

/// Reports a part that could not be measured as a missed goal. The results of the others are kept.
fn note(part: &str, done: anyhow::Result<()>, report: &mut Report) {
    if let Err(error) = done {
        report.warn(&format!("cannot measure {part}: {error:#}"));
        report.goal(Goal::at_least(&format!("measurement of {part}"), 1.0, None));
    }
}

/// Measures each page as a document, and how the browser loads it, against copies that nginx serves.
fn documents(world: &mut World, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let cookies = copies::make(world)?;
    let rounds = Rounds::run(options.rounds, &[OURS, COPY], |name| {
        let mut sample = Sample::new();
        for page in PAGES {
            let (address, cookie) = match name {
                OURS => (format!("{CONSOLE}{}", page.path), cookies.get(page.name).map(String::as_str)),
                _ => (format!("{COPIES}/{}.html", page.name), None),
            };
            let times = world.window.documents(&address, cookie, REQUESTS, None)?;
            sample.insert(format!("{}, p50, ms", page.name), times.p50_ms);
            sample.insert(format!("{}, p99, ms", page.name), times.p99_ms);
            sample.insert(format!("{}, document, KB", page.name), times.bytes as f64 / 1e3);
        }
        sample.extend(opened(world, name)?);
        Ok(sample)
    });
    let figures = rounds.figures();
    let of = |contestant: &str, figure: &str| Some(figures.get(contestant)?.get(figure)?.median);
    let mut ratios = BTreeMap::new();
    for page in PAGES {
        let figure = format!("{}, p99, ms", page.name);
        report.goal(Goal::at_most(&format!("document {}, p99, ms", page.name), 20.0, of(OURS, &figure)));
        let middle = format!("{}, p50, ms", page.name);
        ratios.insert(page.name, rounds.ratio(&middle, OURS, COPY).map(|ratio| ratio.median));
    }
    report.put("document_p50_to_nginx", ratios)?;
    let paint = "overview, empty cache: first contentful paint, ms";
    report.put("first_paint_to_static_copy", rounds.ratio(paint, OURS, COPY))?;
    report.add(&rounds);
    Ok(())
}

/// How the browser loads the overview, with and without a cache.
fn opened(world: &mut World, name: &str) -> anyhow::Result<Sample> {
    let address =
        if name == OURS { format!("{CONSOLE}/") } else { format!("{COPIES}/overview{}", copies::WITHOUT_SCRIPT) };
    let mut sample = Sample::new();
    for (cache, is_cold) in [("empty cache", true), ("full cache", false)] {
        let opened = world.window.open(&address, is_cold)?;
        let figures = [
            ("first byte, ms", Some(opened.first_byte_ms)),
            ("first contentful paint, ms", opened.first_paint_ms),
            ("hydrated, ms", opened.hydrated_ms),
            ("transferred, KB", Some((opened.document_bytes + opened.file_bytes) / 1e3)),
            ("of which WebAssembly, KB", opened.hydrated_ms.map(|_| opened.wasm_bytes / 1e3)),
        ];
        let named = figures.into_iter().filter_map(|(figure, value)| Some((figure, value?)));
        sample.extend(named.map(|(figure, value)| (format!("overview, {cache}: {figure}"), value)));
    }
    world.window.open("about:blank", false)?;
    Ok(sample)
}
