//! Log lines as they arrive, in the browser: the newest ones, up to a bound.

use super::row;
use crate::address::address;
use crate::browser::file::API;
use crate::browser::{property, text_of};
use crate::live::Feed;
use crate::model::logs::{Level, Line, Query};
use crate::texts::use_texts;
use js_sys::{Array, JSON, Object};
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::closure::Closure;
use tornado_ui::button::Button;
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::icon::Icon;
use tornado_ui::{Views as _, effect, live, view};

/// Lines that stay on the page; older ones go.
const LINES: usize = 200;

/// What has arrived.
#[derive(Clone, Debug, Default)]
struct Arrived {
    /// Newest first.
    lines: Vec<Line>,
    /// Lines that the server has left out, because this browser was slow.
    missed: u64,
    /// Why the stream ended.
    problem: Option<String>,
}

/// The switch of the tail, and the lines while it is on. The stream is open that long only.
#[component]
pub fn Tail(
    /// The lines that are shown.
    query: Memo<Query>,
) -> impl IntoView {
    let t = use_texts();
    let Feed { is_live, is_paused, .. } = expect_context();
    let (is_on, arrived) = (RwSignal::new(false), RwSignal::new(Arrived::default()));
    effect(move || {
        if !is_on.get() {
            return;
        }
        arrived.set(Arrived::default());
        let text = query.get().text;
        let href = address(&format!("{API}/logs/tail"), &[("text", text.as_deref())]);
        let Ok(source) = web_sys::EventSource::new(&href) else { return };
        let listen = |kind: &str, read: fn(&mut Arrived, &str)| {
            let heard = Closure::<dyn FnMut(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
                let data = event.data().as_string().unwrap_or_default();
                if !is_paused.get_untracked() {
                    arrived.update(|arrived| read(arrived, &data));
                }
            });
            // Fails only for an invalid name.
            drop(source.add_event_listener_with_callback(kind, heard.as_ref().unchecked_ref()));
            heard
        };
        let heard = [listen("lines", add), listen("problem", end)];
        let kept = StoredValue::new_local((source, heard));
        on_cleanup(move || kept.with_value(|(source, _)| source.close()));
    });
    let switch = move || {
        let (icon, word) = if is_on.get() { (Icon::Stop, t.tail_stop()) } else { (Icon::Play, t.tail_start()) };
        view! { <Button icon on:click=move |_| is_on.update(|is_on| *is_on = !*is_on)>{word}</Button> }.into_any()
    };
    let lines = move || {
        let Arrived { lines, missed, problem } = arrived.get();
        let is_empty = lines.is_empty();
        view! {
            {problem.map(|problem| view! { <Note weight=Weight::Fault><bdi>{problem}</bdi></Note> })}
            {(missed > 0).then(|| view! { <Note weight=Weight::Warning>{t.tail_missed(missed)}</Note> })}
            {is_empty.then(|| view! { <p class="card-body soft">{t.tail_waiting()}</p> })}
            <ol class="log" dir="ltr">{lines.into_iter().map(row).views()}</ol>
        }
        .into_any()
    };
    view! {
        <Show when=move || is_live.get()>
            <section class="card" aria-labelledby="tail">
                <div class="card-head">
                    <h2 id="tail">{t.tail()}</h2>
                    <span class="push">{live(switch)}</span>
                </div>
                {live(move || is_on.get().then(|| live(lines)).into_any())}
            </section>
        </Show>
    }
}

/// Adds the lines of an event, and drops the oldest beyond the bound.
fn add(arrived: &mut Arrived, data: &str) {
    let Ok(event) = JSON::parse(data) else { return };
    arrived.missed += property(&event, "missed").ok().and_then(|missed| missed.as_f64()).unwrap_or(0.0) as u64;
    for line in property(&event, "lines").map(|lines| Array::from(&lines)).unwrap_or_default().iter() {
        let micros = property(&line, "time").ok().and_then(|time| time.as_f64()).unwrap_or(0.0);
        let fields = property(&line, "fields").ok().and_then(|fields| fields.dyn_into::<Object>().ok());
        let pair = |pair: leptos::wasm_bindgen::JsValue| {
            let pair = Array::from(&pair);
            (pair.get(0).as_string().unwrap_or_default(), pair.get(1).as_string().unwrap_or_default())
        };
        let line = Line {
            at: (micros / 1e6) as i64,
            level: Level::of_word(&text_of(&line, "level")),
            service: text_of(&line, "service"),
            message: text_of(&line, "message"),
            fields: fields.map(|fields| Object::entries(&fields).iter().map(pair).collect()).unwrap_or_default(),
        };
        arrived.lines.insert(0, line);
    }
    arrived.lines.truncate(LINES);
}

/// Keeps the reason for the end of the stream.
fn end(arrived: &mut Arrived, data: &str) {
    let detail = JSON::parse(data).map(|problem| text_of(&problem, "detail")).unwrap_or_default();
    arrived.problem = Some(if detail.is_empty() { data.to_owned() } else { detail });
}
