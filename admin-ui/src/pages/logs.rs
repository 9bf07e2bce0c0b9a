//! Logs: query bar, lines per minute, lines by service, lines.

use super::{address, parameter};
use crate::frame::{Head, LiveSign, Loaded, read};
use crate::model::logs::{Level, Logs, Query};
use crate::source;
use crate::texts::{rfc3339, use_texts};
use leptos::prelude::*;
use std::time::Duration;
use tornado_ui::button::{Button, LinkButton};
use tornado_ui::chart::Sparkline;
use tornado_ui::feedback::{Empty, Note, Weight};
use tornado_ui::field::Search;
use tornado_ui::icon::Icon;

/// Distance of two readings of the newest lines.
const PERIOD: Duration = Duration::from_secs(4);

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let (text, cursor) = (parameter("text"), parameter("cursor"));
    let wanted = Memo::new(move |_| Query { text: text.get(), cursor: cursor.get() });
    let logs = read(move || wanted.get(), source::logs, &[], Some(PERIOD));
    view! {
        <Head title=t.nav_logs()>
            <LiveSign of=logs as_of=|logs| logs.as_of />
        </Head>
        <Loaded of=logs view=move |logs| view! { <Content logs query=wanted.get_untracked() /> } />
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The lines.
    logs: Logs,
    /// What they are.
    query: Query,
) -> impl IntoView {
    let t = use_texts();
    let text = query.text.clone().unwrap_or_default();
    let is_empty = logs.lines.is_empty();
    let lines = logs
        .lines
        .into_iter()
        .map(|line| {
            let class = match line.level {
                Level::Debug => "lv",
                Level::Info => "lv lv-info",
                Level::Warn => "lv lv-warn",
                Level::Error => "lv lv-error",
            };
            let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            view! {
                <li>
                    <time datetime=rfc3339(line.at)>{t.clock(line.at)}</time>
                    <span class=class>{line.level.word()}</span>
                    <span class="svc">{line.service}</span>
                    <span class="msg">{line.message}<span class="kv">{fields}</span></span>
                </li>
            }
        })
        .collect_view();
    let facets = logs
        .by_service
        .into_iter()
        .map(|(service, count)| {
            let href = address("/logs", &[("text", Some(&format!("service={service}")))]);
            view! { <li><a href=href>{service}</a><span class="n">{t.number(count)}</span></li> }
        })
        .collect_view();
    let more = logs.next.map(|cursor| {
        let href = address("/logs", &[("text", query.text.as_deref()), ("cursor", Some(&cursor))]);
        view! { <div class="pager"><span class="push"></span><LinkButton href=href>{t.next()}</LinkButton></div> }
    });
    view! {
        <form class="query" method="get" role="search" aria-label=t.nav_logs()>
            <Search name="text" label=t.logs_query() value=text />
            <Button submit=true>{t.search()}</Button>
        </form>
        {logs.problem.map(|problem| view! { <Note weight=Weight::Warning>{problem}</Note> })}
        <section class="card" aria-label=t.nav_logs()>
            <div class="card-head"><h2>{t.lines_per_minute()}</h2></div>
            <div class="card-body" dir="ltr"><Sparkline values=logs.per_minute /></div>
            <div class="log-grid">
                <div class="facets">
                    <h3>{t.service()}</h3>
                    <ul>{facets}</ul>
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
