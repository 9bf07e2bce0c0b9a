//! Logs: query bar, lines in the course of time, lines by service, lines.

mod saved;
mod tail;

use super::{address, parameter};
use crate::acts::May;
use crate::frame::{Head, LiveSign, Loaded, read};
use crate::model::logs::{Interval, Level, Line, Logs, Query, Range};
use crate::source;
use crate::texts::{Texts, rfc3339, use_texts};
use leptos::prelude::*;
use saved::{Export, SaveDialog, SavedQueries};
use std::time::Duration;
use tail::Tail;
use tornado_ui::button::{Button, LinkButton, Segments};
use tornado_ui::chart::Bars;
use tornado_ui::feedback::{Empty, Note, Weight};
use tornado_ui::field::Search;
use tornado_ui::icon::Icon;
use tornado_ui::{Views as _, view};

/// Interval between two readings of the newest lines.
const PERIOD: Duration = Duration::from_secs(4);

/// The address of a query.
fn address_of(query: &Query) -> String {
    let range = (query.range != Range::default()).then(|| query.range.word());
    address("/logs", &[("text", query.text.as_deref()), ("range", range), ("cursor", query.cursor.as_deref())])
}

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let (text, range, cursor) = (parameter("text"), parameter("range"), parameter("cursor"));
    let wanted = Memo::new(move |_| Query {
        text: text.get(),
        range: Range::of_word(&range.get().unwrap_or_default()),
        cursor: cursor.get(),
    });
    let logs = read(move || wanted.get(), source::logs, &[], Some(PERIOD));
    let ranges = move || {
        let query = wanted.get();
        let options = Range::ALL.map(|range| {
            let word = match range {
                Range::Quarter => t.range_quarter(),
                Range::Hour => t.range_hour(),
                Range::Day => t.range_day(),
                Range::Week => t.range_week(),
            };
            let href = address_of(&Query { range, cursor: None, ..query.clone() });
            (href, word.to_owned(), range == query.range)
        });
        view! { <Segments label=t.range() options=options.to_vec() /> }
    };
    let saving = RwSignal::new(false);
    let export = move || {
        view! { <Export query=wanted.get() /> }
    };
    let delete = move || {
        let query = wanted.get();
        let parameters = [("text", query.text.as_deref()), ("range", Some(query.range.word()))];
        view! { <LinkButton href=address("/logs/delete", &parameters) is_whole=true>{t.delete()}</LinkButton> }
    };
    view! {
        <Head title=t.nav_logs()>
            <LiveSign of=logs as_of=|logs| logs.as_of />
            {ranges}
            {export}
            <May right="logs.write">{delete}</May>
        </Head>
        <Tail query=wanted />
        <Loaded of=logs view=move |logs| view! { <Content logs query=wanted.get_untracked() saving /> } />
        <SaveDialog query=wanted open=saving />
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The lines.
    logs: Logs,
    /// What they are.
    query: Query,
    /// Opens the dialog that saves the query.
    saving: RwSignal<bool>,
) -> impl IntoView {
    let t = use_texts();
    let text = query.text.clone().unwrap_or_default();
    let is_empty = logs.lines.is_empty();
    let lines = logs.lines.into_iter().map(row).views();
    let first = Query { cursor: None, ..query.clone() };
    let facets = logs
        .by_service
        .into_iter()
        .map(|(service, count)| {
            let href = address_of(&Query { text: Some(format!("service:{service}")), ..first.clone() });
            view! { <li><a href=href><bdi dir="ltr">{service}</bdi></a><span class="n">{t.number(count)}</span></li> }
        })
        .views();
    let sum = |part: fn(&Interval) -> u64| logs.histogram.iter().map(part).sum::<u64>();
    let levels = [("error", sum(|one| one.error)), ("warn", sum(|one| one.warn)), ("info", sum(|one| one.info))]
        .map(|(level, count)| {
            let href = address_of(&Query { text: Some(format!("level:{level}")), ..first.clone() });
            view! { <li><a href=href>{level}</a><span class="n">{t.number(count)}</span></li> }
        })
        .into_iter()
        .views();
    let more = logs.next.map(|cursor| {
        let href = address_of(&Query { cursor: Some(cursor), ..query.clone() });
        view! { <div class="pager"><span class="push"></span><LinkButton href=href>{t.next()}</LinkButton></div> }
    });
    let range = query.range;
    view! {
        <form class="query" method="get" role="search" aria-label=t.nav_logs()>
            <Search name="text" label=t.logs_query() value=text />
            <input type="hidden" name="range" value=range.word() />
            <Button submit=true>{t.search()}</Button>
            {query
                .text
                .is_some()
                .then(|| {
                    view! {
                        <May right="logs.save">
                            <Button on:click=move |_| saving.set(true)>{t.save_query()}</Button>
                        </May>
                    }
                })}
        </form>
        <p class="hint">{t.logs_help()}</p>
        {logs.problem.map(|problem| view! { <Note weight=Weight::Warning><bdi>{problem}</bdi></Note> })}
        <Histogram intervals=logs.histogram range as_of=logs.as_of />
        <section class="card" aria-label=t.nav_logs()>
            <div class="log-grid">
                <div class="facets">
                    <h2>{t.level()}</h2>
                    <ul dir="ltr">{levels}</ul>
                    <h2>{t.service()}</h2>
                    <ul>{facets}</ul>
                    <SavedQueries saved=logs.saved range=first.range />
                </div>
                <div>
                    <ol class="log" dir="ltr">{lines}</ol>
                    {is_empty.then(|| view! { <Empty icon=Icon::Logs title=t.logs_none() text=t.logs_none_text() /> })}
                </div>
            </div>
            {more}
        </section>
    }
}

fn row(line: Line) -> impl IntoView {
    let t = use_texts();
    let class = match line.level {
        Level::Trace | Level::Debug => "lv",
        Level::Info => "lv lv-info",
        Level::Warn => "lv lv-warn",
        Level::Error => "lv lv-error",
    };
    let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    view! {
        <li>
            <time datetime=rfc3339(line.at) title=t.date(line.at)>{t.clock(line.at)}</time>
            <span class=class>{line.level.word()}</span>
            <span class="svc">{line.service}</span>
            <span class="msg">{line.message}<span class="kv">{fields}</span></span>
        </li>
    }
}

/// Times at five equal distances of the range.
fn times(t: Texts, range: Range, as_of: i64) -> Vec<String> {
    (0..=4)
        .map(|step| {
            let at = as_of - range.seconds() + range.seconds() * step / 4;
            match range {
                Range::Quarter | Range::Hour | Range::Day => t.clock(at).chars().take(5).collect(),
                Range::Week => t.date(at).chars().skip(5).collect(),
            }
        })
        .collect()
}

#[component]
fn Histogram(intervals: Vec<Interval>, range: Range, as_of: i64) -> impl IntoView {
    let t = use_texts();
    let sum = |part: fn(&Interval) -> u64| intervals.iter().map(part).sum::<u64>();
    let (info, warn, error) = (sum(|one| one.info), sum(|one| one.warn), sum(|one| one.error));
    let total = info + warn + error;
    let legend = [("info", info), ("warn", warn), ("error", error)]
        .map(|(level, count)| {
            view! {
                <li>
                    <svg class="key" viewBox="0 0 16 8" aria-hidden="true">
                        <rect class=format!("bar-{level}") x="4" y="0" width="8" height="8" rx="2"></rect>
                    </svg>
                    {level}
                    <b>{t.number(count)}</b>
                </li>
            }
        })
        .into_iter()
        .views();
    let bars = intervals.iter().map(|one| vec![one.info as f64, one.warn as f64, one.error as f64]).collect();
    view! {
        <section class="card" aria-labelledby="lines">
            <div class="card-head">
                <h2 id="lines">{t.lines(total)}</h2>
                <ul class="legend" dir="ltr">{legend}</ul>
            </div>
            <div class="card-body">
                <Bars
                    summary=t.lines_sentence(error, total, warn)
                    bars
                    tones=&["info", "warn", "error"]
                    scale=move |value: f64| t.number(value as u64)
                    times=times(t, range, as_of)
                />
            </div>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_range_is_not_in_the_address() {
        let query = Query { text: Some("level>=warn".into()), ..Query::default() };
        assert_eq!(address_of(&query), "/logs?text=level%3E%3Dwarn");
        assert_eq!(address_of(&Query { range: Range::Week, ..Query::default() }), "/logs?range=7d");
    }
}
