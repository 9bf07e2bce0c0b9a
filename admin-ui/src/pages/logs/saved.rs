//! Saved queries, and the export of a query's lines.

use super::address_of;
use crate::acts::{Ask, Question, RefusalNote, at_field, use_acts};
use crate::address::address;
use crate::browser::file::API;
use crate::model::act::{Act, Refusal};
use crate::model::logs::{Query, Range, SavedQuery};
use crate::texts::use_texts;
use leptos::prelude::*;
use leptos::task::spawn_local;
use tornado_ui::button::{Kind, Size};
use tornado_ui::field::{Field, Sent};
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::overlay::FormDialog;
use tornado_ui::state::Condition;
use tornado_ui::{effect, live, view};

/// The link that downloads the lines of the query.
#[component]
pub fn Export(
    /// The query.
    query: Query,
    /// When the page was read, by the server's clock: that of the browser may be wrong.
    as_of: i64,
) -> impl IntoView {
    let t = use_texts();
    view! {
        <a class="btn" href=export_of(&query, as_of) rel="external" download>
            <Pic icon=Icon::Download />
            {t.download()}
        </a>
    }
}

/// The address of an export: the newest second is complete when it is over.
fn export_of(query: &Query, as_of: i64) -> String {
    const MICROS: i64 = 1_000_000;
    let until = as_of + 1;
    let [from, until] = [until - query.range.seconds(), until].map(|at| (at * MICROS).to_string());
    let parameters = [
        ("format", Some("csv")),
        ("text", query.text.as_deref()),
        ("from", Some(from.as_str())),
        ("until", Some(until.as_str())),
    ];
    address(&format!("{API}/logs/export"), &parameters)
}

/// Saved queries, each with a button that deletes it.
#[component]
pub fn SavedQueries(
    /// The queries by name.
    saved: Vec<SavedQuery>,
    /// Time that the page covers.
    range: Range,
) -> impl IntoView {
    let t = use_texts();
    let items = saved
        .into_iter()
        .map(|one| {
            let href = address_of(&Query { text: Some(one.text), range, cursor: None });
            let question = Question {
                title: t.delete_query_title(&one.name),
                text: t.delete_query_text().to_owned(),
                effects: Vec::new(),
                verb: t.delete().to_owned(),
                is_danger: true,
                act: Act::DeleteQuery { name: one.name.clone() },
                done: t.done_query_deleted(&one.name),
            };
            view! {
                <li>
                    <a class="grow cut" href=href><bdi>{one.name}</bdi></a>
                    <Ask question kind=Kind::Quiet size=Size::Small word=t.delete() />
                </li>
            }
        })
        .collect::<Vec<_>>();
    (!items.is_empty()).then(|| {
        view! {
            <h2>{t.saved_queries()}</h2>
            <ul class="saved">{items}</ul>
        }
    })
}

/// The dialog that saves the query under a name.
#[component]
pub fn SaveDialog(
    /// The query.
    query: Memo<Query>,
    /// Whether it is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let (refusal, busy) = (RwSignal::new(None::<Refusal>), RwSignal::new(false));
    effect(move || {
        if open.get() {
            refusal.set(None);
        }
    });
    let submit = move |sent: Sent| {
        let name = sent.word("query-name").unwrap_or_default();
        let act = Act::SaveQuery { name: name.clone(), text: query.get_untracked().text.unwrap_or_default() };
        busy.set(true);
        spawn_local(async move {
            match acts.send(act).await {
                Ok(_) => {
                    open.set(false);
                    acts.say(Condition::Good, t.done_query_saved(&name));
                }
                Err(why) => refusal.set(Some(why)),
            }
            busy.set(false);
        });
    };
    view! {
        <FormDialog open id="save-query" title=t.save_query() cancel=t.cancel() confirm=t.save() busy on_submit=submit>
            <p><bdi dir="ltr" class="mono">{live(move || query.get().text)}</bdi></p>
            <RefusalNote refusal fields=&["name"] />
            <Field
                name="query-name"
                label=t.field_name()
                autocomplete="off"
                required=true
                error=at_field(t, refusal, "name")
            />
        </FormDialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_has_the_query_and_the_range() {
        let query = Query { text: Some("level:warn".into()), ..Query::default() };
        let address = "/api/v1/logs/export?format=csv&text=level%3Awarn&from=1000000&until=3601000000";
        assert_eq!(export_of(&query, 3600), address);
    }
}
