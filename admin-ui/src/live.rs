//! Live data: the server's events, and the reading of a page again when they concern it.
//!
//! Events carry no content for the page: they say that something changed, and the page is read again through its
//! source, at most once a second. *Pause* holds all lists still.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::closure::Closure;
use std::time::Duration;
use tornado_ui::effect;

/// Path of the server's events.
pub const EVENTS: &str = "/api/v1/events";

/// Kinds of events, as the server names them.
const KINDS: [&str; 5] = ["services", "sessions", "tor", "tor_bootstrap", RESYNC];
/// The server could not replay what was missed: everything is read again.
const RESYNC: &str = "resync";
/// Shortest distance of two readings, in milliseconds.
const SHORTEST: f64 = 1000.0;
/// Distance of the checks for a reading that is due.
const CHECK: Duration = Duration::from_millis(250);

/// The server's events, as all pages hear of them.
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
        let opened = Closure::<dyn FnMut()>::new(move || {
            // What was missed until then is read as after a `resync`.
            if feed.is_lost.get_untracked() {
                feed.is_lost.set(false);
                feed.latest.update(|(count, kind)| (*count, *kind) = (*count + 1, RESYNC));
            }
        });
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        let lost = Closure::<dyn FnMut()>::new(move || feed.is_lost.set(true));
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
    let Some(feed) = use_context::<Feed>() else { return };
    let (is_due, latest_read) = (StoredValue::new(false), StoredValue::new(0.0_f64));
    let check = move || {
        let now = now();
        let age = now - latest_read.get_value();
        let is_time = every.is_some_and(|every| age >= every.as_secs_f64() * 1000.0);
        let is_still = feed.is_paused.get_untracked() || document().hidden();
        if !is_still && age >= SHORTEST && (is_due.get_value() || is_time) {
            is_due.set_value(false);
            latest_read.set_value(now);
            read();
        }
    };
    Effect::new(move |before: Option<u64>| {
        let (count, kind) = feed.latest.get();
        if before.is_some() && (kind == RESYNC || kinds.contains(&kind)) {
            is_due.set_value(true);
            check();
        }
        count
    });
    effect(move || {
        latest_read.set_value(now());
        if let Ok(timer) = set_interval_with_handle(check, CHECK) {
            on_cleanup(move || timer.clear());
        }
    });
}

/// Milliseconds since the page was opened.
fn now() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}
