//! The chart of both rates over the last minute.

use crate::context::use_window;
use crate::rates::Rates;
use crate::texts::use_texts;
use crate::words;
use leptos::prelude::*;
use std::time::Duration;
use tornado_gui_api::{Lane, Phase};
use tornado_ui::chart::{ceiling, highest, paths};
use tornado_ui::{live, view};

/// A rate: value and unit.
type Figure = (String, &'static str);

const WIDTH: f64 = 388.0;
const HEIGHT: f64 = 52.0;

/// Rates as words and as lines. It measures as long as it is shown.
#[component]
pub fn RateChart() -> impl IntoView {
    let t = use_texts();
    let window = use_window();
    let rates = RwSignal::new(Rates::default());
    let measure = move || {
        let counters = window.view.with_untracked(|view| {
            let is_up = matches!(view.tunnel.phase, Phase::Connected | Phase::Switching);
            is_up.then_some((view.tunnel.received, view.tunnel.sent))
        });
        rates.update(|rates| rates.add(counters));
    };
    measure();
    if let Ok(timer) = set_interval_with_handle(measure, Duration::from_secs(1)) {
        on_cleanup(move || timer.clear());
    }
    let tone =
        Memo::new(move |_| words::lane(window.view.with(|view| view.tunnel.lane).unwrap_or(Lane::Direct)).word());
    let words = Memo::new(move |_| {
        let (down, up) = rates.with(Rates::now);
        (t.rate(down), t.rate(up))
    });
    let lines = Memo::new(move |_| {
        let [down, up] = rates.with(Rates::values);
        // A line of traffic that is hardly any does not look like a lot of it.
        let most = [&down, &up].into_iter().filter_map(|values| highest(values)).fold(10_000.0, f64::max);
        let top = ceiling(most);
        (paths(&down, top, WIDTH, HEIGHT), paths(&up, top, WIDTH, HEIGHT).0, most)
    });
    let summary = move || {
        let ((down, up), most) = (words.get(), lines.with(|(.., most)| *most));
        t.rates_summary(&t.joined(down), &t.joined(t.rate(most)), &t.joined(up))
    };
    let figure = move |which: fn(&(Figure, Figure)) -> Figure| {
        view! {
            <span>
                <b>{live(move || words.with(|words| which(words).0))}</b>
                <span class="unit">{live(move || format!("\u{202f}{}", words.with(|words| which(words).1)))}</span>
            </span>
        }
    };
    view! {
        <section class="panel rates" aria-label=t.rates()>
            <div class="rates-head">
                <span class="row">
                    <svg class="key" viewBox="0 0 16 8" aria-hidden="true">
                        <line class=live(move || format!("ln ln-{}", tone.get())) x1="1" x2="15" y1="4" y2="4"></line>
                    </svg>
                    <span class="dim">{t.down()}</span>
                    {figure(|words| words.0.clone())}
                </span>
                <span class="row">
                    <svg class="key" viewBox="0 0 16 8" aria-hidden="true">
                        <line class="ln ln-up" x1="1" x2="15" y1="4" y2="4"></line>
                    </svg>
                    <span class="dim">{t.up()}</span>
                    {figure(|words| words.1.clone())}
                </span>
                <span class="push dim small">{t.last_minute()}</span>
            </div>
            <svg
                class="plot"
                viewBox="0 0 388 52"
                preserveAspectRatio="none"
                role="img"
                aria-label=live(summary)
            >
                <line class="base-ln" x1="0" x2="388" y1="52" y2="52"></line>
                <path
                    class=live(move || format!("ar ar-{}", tone.get()))
                    d=live(move || lines.with(|((_, area), ..)| area.clone()))
                ></path>
                <path
                    class=live(move || format!("ln ln-{}", tone.get()))
                    d=live(move || lines.with(|((line, _), ..)| line.clone()))
                ></path>
                <path class="ln ln-up" d=live(move || lines.with(|(_, up, _)| up.clone()))></path>
            </svg>
        </section>
    }
}
