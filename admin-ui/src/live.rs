//! Live data: the server's events, and the reading of a page again when they concern it.
//!
//! Events carry no content for the page: they report that something changed, and the page is read again through its
//! source: at once, but while there are many events once a second. *Pause*
//! holds all lists still.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::closure::Closure;
use std::time::Duration;
use tornado_ui::effect;

/// Path of the server's events.
pub const EVENTS: &str = "/api/v1/events";

/// Kinds of events, as the server names them.
const KINDS: [&str; 6] = ["services", "session", "sessions", "tor", "tor_bootstrap", RESYNC];
/// The server could not replay what was missed: everything is read again.
const RESYNC: &str = "resync";
/// Shortest interval between two readings.
const SHORTEST: Duration = Duration::from_millis(100);
/// Readings that can follow each other so fast.
const BURST: u8 = 10;
/// One reading, less what adding up small parts loses.
const WHOLE: f64 = 1.0 - 1e-6;
/// Time until another one can: the interval between readings while events go on. The server limits the readings of an
/// operator.
const REFILL: Duration = Duration::from_secs(1);
/// Interval between two checks whether a reading is due.
const CHECK: Duration = Duration::from_millis(100);

/// The server's events, as all pages receive them.
#[derive(Clone, Copy)]
pub struct Feed {
    /// The lists hold still.
    pub is_paused: RwSignal<bool>,
    /// The browser has taken over, and follows the events.
    pub is_live: RwSignal<bool>,
    /// The connection is lost; the browser opens it again by itself.
    pub is_lost: RwSignal<bool>,
    latest: RwSignal<(u64, &'static str)>,
}

/// Opens the connection to the server's events, as long as the caller's component exists. Runs in the browser only.
pub fn provide_feed() -> Feed {
    let feed = Feed {
        is_paused: RwSignal::new(false),
        is_live: RwSignal::new(false),
        is_lost: RwSignal::new(false),
        latest: RwSignal::new((0, "")),
    };
    provide_context(feed);
    effect(move || {
        let Ok(source) = web_sys::EventSource::new(EVENTS) else { return };
        feed.is_live.set(true);
        // What was missed while it was lost is read as after a `resync`. It is also lost when the sign-in has ended,
        // perhaps in another tab: reading again shows it.
        let turned = move |is_lost| {
            if is_lost || feed.is_lost.get_untracked() {
                feed.is_lost.set(is_lost);
                feed.latest.update(|(count, kind)| (*count, *kind) = (*count + 1, RESYNC));
            }
        };
        let opened = Closure::<dyn FnMut()>::new(move || turned(false));
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        let lost = Closure::<dyn FnMut()>::new(move || turned(true));
        source.set_onerror(Some(lost.as_ref().unchecked_ref()));
        let mut heard = Vec::new();
        for kind in KINDS {
            let listener = Closure::<dyn FnMut()>::new(move || {
                feed.latest.update(|(count, latest)| (*count, *latest) = (*count + 1, kind));
            });
            // Fails only for an invalid name.
            drop(source.add_event_listener_with_callback(kind, listener.as_ref().unchecked_ref()));
            heard.push(listener);
        }
        let kept = StoredValue::new_local((source, opened, lost, heard));
        on_cleanup(move || kept.with_value(|(source, ..)| source.close()));
    });
    feed
}

/// Reads a page again after events of `kinds`, and every so often if `every` is given. Runs in the browser only.
pub fn follow(kinds: &'static [&'static str], every: Option<Duration>, read: impl Fn() + Copy + 'static) {
    follow_with(Pace::new(BURST, SHORTEST, REFILL, every), kinds, read);
}

/// As [`follow`], with a longer interval between all readings after events.
pub fn follow_at_most(shortest: Duration, kinds: &'static [&'static str], read: impl Fn() + Copy + 'static) {
    follow_with(Pace::new(1, shortest, shortest, None), kinds, read);
}

fn follow_with(pace: Pace, kinds: &'static [&'static str], read: impl Fn() + Copy + 'static) {
    let Some(feed) = use_context::<Feed>() else { return };
    let pace = StoredValue::new(pace);
    let check = move || {
        let is_still = feed.is_paused.get_untracked() || document().hidden();
        if !is_still && pace.try_update_value(|pace| pace.take(now())) == Some(true) {
            read();
        }
    };
    Effect::new(move |before: Option<u64>| {
        let (count, kind) = feed.latest.get();
        if before.is_some() && (kind == RESYNC || kinds.contains(&kind)) {
            pace.update_value(|pace| pace.is_due = true);
            check();
        }
        count
    });
    effect(move || {
        pace.update_value(|pace| pace.latest = now());
        if let Ok(timer) = set_interval_with_handle(check, CHECK) {
            on_cleanup(move || timer.clear());
        }
    });
}

/// When a page is read again: a token bucket. Times are in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Readings after events that can follow each other with the shortest interval.
    most: f64,
    /// Those that are left, at `counted`.
    left: f64,
    counted: f64,
    /// Until another one is possible.
    refill: f64,
    /// Shortest interval between two of them.
    shortest: f64,
    every: Option<f64>,
    /// An event has not been read yet.
    is_due: bool,
    /// The latest reading after an event. Readings by the interval do not delay the first event after them.
    after_event: f64,
    /// The latest reading.
    latest: f64,
}

impl Pace {
    fn new(burst: u8, shortest: Duration, refill: Duration, every: Option<Duration>) -> Self {
        let millis = |span: Duration| span.as_secs_f64() * 1000.0;
        let most = f64::from(burst);
        Self {
            most,
            left: most,
            counted: 0.0,
            refill: millis(refill),
            shortest: millis(shortest),
            every: every.map(millis),
            is_due: false,
            after_event: f64::NEG_INFINITY,
            latest: 0.0,
        }
    }

    /// Whether the page is to be read now; it counts as read then.
    fn take(&mut self, now: f64) -> bool {
        self.left = self.most.min(self.left + (now - self.counted) / self.refill);
        self.counted = now;
        let is_event = self.is_due && self.left >= WHOLE && now - self.after_event >= self.shortest;
        let is_time = self.every.is_some_and(|every| now - self.latest >= every);
        if !is_event && !is_time {
            return false;
        }
        if is_event {
            self.left -= 1.0;
            self.after_event = now;
        }
        self.is_due = false;
        self.latest = now;
        true
    }
}

/// Milliseconds since the page was opened.
fn now() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(every: Option<u64>) -> Pace {
        Pace::new(BURST, SHORTEST, REFILL, every.map(Duration::from_secs))
    }

    /// When the page is read if an event arrives each millisecond.
    fn flood(mut pace: Pace, milliseconds: std::ops::Range<u32>) -> Vec<u32> {
        milliseconds
            .filter(|at| {
                pace.is_due = true;
                pace.take(f64::from(*at))
            })
            .collect()
    }

    #[test]
    fn the_first_events_are_read_at_once_and_a_flood_once_a_second() {
        let mut pace = pace(Some(2));
        assert!(!pace.take(1999.0));
        assert!(pace.take(2000.0), "by the interval");
        let readings = flood(pace, 2_001..60_000);
        assert_eq!(readings[..3], [2_001, 2_101, 2_201], "also right after a reading by the interval");
        let late: Vec<u32> = readings.windows(2).map(|pair| pair[1] - pair[0]).skip(usize::from(BURST) + 2).collect();
        assert!(late.iter().all(|gap| (999..=1001).contains(gap)), "{late:?}");
        assert!(readings.len() <= 58 + usize::from(BURST), "{}", readings.len());
    }

    #[test]
    fn an_event_within_the_interval_is_read_at_its_end() {
        let mut pace = pace(None);
        pace.is_due = true;
        assert!(pace.take(5.0));
        pace.is_due = true;
        assert!(!pace.take(104.0));
        assert!(pace.take(105.0));
        assert!(!pace.take(60_000.0), "without an event and an interval");
    }

    #[test]
    fn events_that_are_rarer_than_the_refill_are_read_at_once() {
        let mut pace = pace(None);
        // Pairs that are 100 ms apart, every 2.1 s.
        for at in (1..60).flat_map(|round| [0.0, 100.0].map(|after| f64::from(round) * 2_100.0 + after)) {
            pace.is_due = true;
            assert!(pace.take(at), "{at}");
        }
    }

    #[test]
    fn a_reading_that_is_rare_has_no_burst() {
        let long = Duration::from_secs(10);
        assert_eq!(flood(Pace::new(1, long, long, None), 1..40_000), [1, 10_001, 20_001, 30_001]);
    }
}
