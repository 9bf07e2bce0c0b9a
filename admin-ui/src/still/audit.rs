//! The audit trail: search, check of the chain, files.

use super::Answered;
use super::keys::tabs;
use crate::acts::{May, words};
use crate::browser::file::API;
use crate::frame::{Head, Loaded, With, read};
use crate::model::act::Outcome;
use crate::model::audit::{Audit, Entry, Query};
use crate::pages::{address, parameter, range_of};
use crate::source;
use crate::texts::{Texts, rfc3339, use_texts};
use leptos::prelude::*;
use tornado_ui::button::{Button, Kind, LinkButton};
use tornado_ui::feedback::{Empty, Note, Weight};
use tornado_ui::field::Search;
use tornado_ui::icon::{Glyph, Icon};
use tornado_ui::state::{Condition, State};
use tornado_ui::table::{Column, Filters, Pager, Table};
use tornado_ui::{Views as _, view};

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let (action, actor, cursor) = (parameter("text"), parameter("actor"), parameter("cursor"));
    let wanted = Memo::new(move |_| Query { text: action.get(), actor: actor.get(), cursor: cursor.get() });
    let trail = read(move || wanted.get(), source::audit, &[], None);
    let viewer = crate::acts::use_acts().viewer();
    let verify = move || {
        view! {
            <With of=viewer view=move |viewer: crate::model::Viewer| view! {
                <form method="post" action="/audit">
                    <input type="hidden" name="csrf" value=viewer.csrf />
                    <Button kind=Kind::Primary icon=Icon::Shield submit=true>{t.verify_audit()}</Button>
                </form>
            } />
        }
    };
    view! {
        <Head title=t.nav_audit()>
            <May right="audit.read">
                {exports(t, &wanted.get_untracked())}
            </May>
            <May right="audit.verify">{verify()}</May>
        </Head>
        {tabs(t, true)}
        {use_context::<Answered>().map(|answered| verdict(t, answered))}
        <Loaded of=trail view=move |trail| view! { <Content trail query=wanted.get_untracked() /> } />
    }
}

/// Links to the files of what is shown.
fn exports(t: Texts, query: &Query) -> impl IntoView + use<> {
    [("csv", t.export_csv()), ("jsonl", t.export_jsonl())]
        .map(|(format, word)| {
            let parameters =
                [("format", Some(format)), ("action", query.text.as_deref()), ("actor", query.actor.as_deref())];
            let href = address(&format!("{API}/audit/export"), &parameters);
            view! { <LinkButton href icon=Icon::Download>{word}</LinkButton> }
        })
        .views()
}

/// The result of a check.
fn verdict(t: Texts, Answered(outcome): Answered) -> impl IntoView {
    match outcome {
        Ok(Outcome::Verified { rows, broken: None }) => view! {
            <div class="note" role="status">
                <Glyph shape=Condition::Good.shape() tone=Condition::Good.tone() />
                <p>{t.done_verified(rows)}</p>
            </div>
        }
        .into_any(),
        Ok(Outcome::Verified { broken: Some(entry), .. }) => view! {
            <div role="alert"><Note weight=Weight::Fault>{t.done_verified_broken(entry)}</Note></div>
        }
        .into_any(),
        Ok(_) => ().into_any(),
        Err(why) => view! { <div role="alert"><Note weight=Weight::Fault>{words(t, &why)}</Note></div> }.into_any(),
    }
}

/// The entries.
#[component]
fn Content(trail: Audit, query: Query) -> impl IntoView {
    let t = use_texts();
    let Audit { page } = trail;
    let columns = vec![
        Column::new(t.row(), "num hide-m"),
        Column::new(t.time(), "d"),
        Column::new(t.actor(), "a"),
        Column::new(t.action(), "c"),
        Column::new(t.target(), ""),
        Column::new(t.outcome(), "b"),
        Column::new(t.details(), ""),
    ];
    let as_of = page.as_of;
    let step = |cursor: &Option<String>| {
        let cursor = cursor.as_deref()?;
        let parameters = [("text", query.text.as_deref()), ("actor", query.actor.as_deref()), ("cursor", Some(cursor))];
        Some(address("/audit", &parameters))
    };
    let before = (t.before().to_owned(), step(&page.before));
    let next = (t.next().to_owned(), step(&page.next));
    let range = range_of(t, &page);
    let count = t.audit_count(page.rows.len() as u64);
    let body = if page.rows.is_empty() {
        view! {
            <Empty icon=Icon::Audit title=t.audit_none() text=t.audit_none_text()>
                <LinkButton href="/audit">{t.remove_filters()}</LinkButton>
            </Empty>
        }
        .into_any()
    } else {
        let rows = page.rows.into_iter().map(|entry| row(t, entry, as_of)).views();
        view! {
            <Table caption=t.nav_audit() columns cards=true>{rows}</Table>
            <Pager range before next />
        }
        .into_any()
    };
    view! {
        <Filters label=t.nav_audit() count=count>
            <Search name="text" label=t.audit_find() value=query.text.clone().unwrap_or_default() />
            <Search name="actor" label=t.audit_find_actor() value=query.actor.clone().unwrap_or_default() />
            <Button submit=true>{t.search()}</Button>
        </Filters>
        <section class="card" aria-label=t.nav_audit()>{body}</section>
    }
}

fn row(t: Texts, entry: Entry, as_of: i64) -> impl IntoView {
    let word = match entry.outcome {
        Condition::Good => t.outcome_done(),
        Condition::Degraded | Condition::Held | Condition::Shut => t.outcome_refused(),
        Condition::Broken | Condition::Absent | Condition::Pending | Condition::Stopped => t.outcome_failed(),
    };
    let details: Vec<_> = entry.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
    view! {
        <tr role="row">
            <td role="cell" class="num hide-m dim">{t.number(entry.number)}</td>
            <td role="cell" class="d">
                <time datetime=rfc3339(entry.at)>{t.moment(entry.at, as_of)}</time>
            </td>
            <th scope="row" role="rowheader" class="a"><bdi>{entry.actor}</bdi></th>
            <td role="cell" class="c"><bdi dir="ltr" class="mono">{entry.action}</bdi></td>
            <td role="cell"><bdi>{entry.target}</bdi></td>
            <td role="cell" class="b"><State condition=entry.outcome word /></td>
            <td role="cell" class="soft wrap"><bdi dir="ltr">{details.join(" ")}</bdi></td>
        </tr>
    }
}
