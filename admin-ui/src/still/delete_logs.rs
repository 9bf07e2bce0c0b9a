//! Deletion of the log lines of a query: how many it are, and the password. Nothing is deleted until the form is sent.

use super::Answered;
use crate::acts::{use_acts, words};
use crate::address::address;
use crate::frame::{FaultCard, Head, Loaded, read};
use crate::model::act::Outcome;
use crate::model::logs::{Deletion, Range, Selection};
use crate::model::{Fault, Viewer};
use crate::pages::parameter;
use crate::source;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use tornado_ui::button::{Button, Kind, LinkButton};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::field::Field;
use tornado_ui::figures::{Card, Fact};
use tornado_ui::icon::{Glyph, Icon};
use tornado_ui::state::Condition;
use tornado_ui::view;

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let (text, range) = (parameter("text"), parameter("range"));
    let selection =
        Memo::new(move |_| Selection { text: text.get(), range: Range::of_word(&range.get().unwrap_or_default()) });
    let deletion = read(move || selection.get(), source::deletion, &[], None);
    let viewer = use_acts().viewer();
    view! {
        <Head title=t.delete_logs() crumb=("/logs", t.nav_logs()) />
        {use_context::<Answered>().map(|answered| answer(t, answered))}
        <Loaded of=viewer view=move |viewer: Viewer| {
            if viewer.rights.iter().any(|right| right == "logs.write") {
                view! {
                    <Loaded of=deletion view=move |deletion| {
                        view! { <Form deletion selection=selection.get_untracked() csrf=viewer.csrf.clone() /> }
                    } />
                }
                .into_any()
            } else {
                view! { <FaultCard fault=Fault::Forbidden on_retry=Callback::new(|()| ()) /> }.into_any()
            }
        } />
    }
}

/// What the form before has done.
fn answer(t: Texts, Answered(outcome): Answered) -> impl IntoView {
    match outcome {
        Ok(Outcome::Deleted(lines)) => view! {
            <div class="note" role="status">
                <Glyph shape=Condition::Good.shape() tone=Condition::Good.tone() />
                <p>{t.done_logs_deleted(lines)}</p>
            </div>
        }
        .into_any(),
        Ok(_) => ().into_any(),
        Err(why) => view! { <div role="alert"><Note weight=Weight::Fault>{words(t, &why)}</Note></div> }.into_any(),
    }
}

/// What is deleted, and the form.
#[component]
fn Form(deletion: Deletion, selection: Selection, csrf: String) -> impl IntoView {
    let t = use_texts();
    let Deletion { lines, from, until } = deletion;
    let parameters = [("text", selection.text.as_deref()), ("range", Some(selection.range.word()))];
    let (back, action) = (address("/logs", &parameters), address("/logs/delete", &parameters));
    let query = match &selection.text {
        Some(text) => view! { <bdi dir="ltr" class="mono">{text.clone()}</bdi> }.into_any(),
        None => t.all_lines().into_any(),
    };
    let form = (lines > 0).then(|| {
        view! {
            <form class="stack" method="post" action=action>
                <input type="hidden" name="csrf" value=csrf />
                <input type="hidden" name="text" value=selection.text.clone().unwrap_or_default() />
                <input type="hidden" name="from" value=from.to_string() />
                <input type="hidden" name="until" value=until.to_string() />
                <Field
                    name="password"
                    label=t.field_password()
                    kind="password"
                    autocomplete="current-password"
                    required=true
                />
                <div class="row row-wrap">
                    <LinkButton href=back.clone()>{t.cancel()}</LinkButton>
                    <Button kind=Kind::Danger submit=true>{t.delete_lines(lines)}</Button>
                </div>
            </form>
        }
    });
    let none = (lines == 0).then(|| view! { <LinkButton href=back icon=Icon::Logs>{t.nav_logs()}</LinkButton> });
    view! {
        <Card id="selection" title=t.lines(lines)>
            <div class="card-body stack">
                <dl class="facts">
                    <Fact name=t.search()>{query}</Fact>
                    <Fact name=t.time_from()>{t.moment(from, until)}</Fact>
                    <Fact name=t.time_until()>{t.moment(until, until)}</Fact>
                </dl>
                <Note weight=Weight::Warning>{t.delete_logs_text()}</Note>
                {form}
                {none}
            </div>
        </Card>
    }
}
