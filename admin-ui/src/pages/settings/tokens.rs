//! API tokens for programs: list, creation with rights and expiry, revocation.

use super::Dialogs;
use crate::acts::{Acts, Ask, May, Question, RefusalNote, at_field, use_acts};
use crate::frame::CopyField;
use crate::model::act::{Act, Hidden, Outcome, Refusal};
use crate::model::settings::Token;
use crate::pages::users::invite::{local, whole};
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::sync::Arc;
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::feedback::Empty;
use tornado_ui::field::{Field, Sent, Tick};
use tornado_ui::figures::Fact;
use tornado_ui::icon::Icon;
use tornado_ui::overlay::{FormDialog, NoticeDialog};
use tornado_ui::state::Tag;
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, effect, later, live, view};

/// Seconds before the expiry from which it is shown as near.
const NEAR: i64 = 14 * 86_400;

/// Rights that the server gives to no token. It decides; this only leaves out what it would refuse.
fn is_for_tokens(right: &str) -> bool {
    let areas = ["own.", "operators.", "tokens.", "backup."];
    right != "logs.write" && !areas.iter().any(|area| right.starts_with(area))
}

/// The tokens.
#[component]
pub fn Tokens(
    /// The rows.
    tokens: Vec<Token>,
    /// When they were read.
    as_of: i64,
) -> impl IntoView {
    let t = use_texts();
    let open = expect_context::<Dialogs>().token;
    let body = if tokens.is_empty() {
        view! { <Empty icon=Icon::Key title=t.tokens_none() text=t.tokens_none_text() /> }.into_any()
    } else {
        let columns = vec![
            Column::new(t.token(), "a"),
            Column::new(t.operator(), "hide-m"),
            Column::new(t.token_may(), "c"),
            Column::new(t.latest_use(), "num b"),
            Column::new(t.expires(), "num d"),
            Column::hidden(t.action(), "col-act"),
        ];
        let rows = tokens.into_iter().map(|token| row(t, token, as_of)).views();
        view! { <Table caption=t.tokens() columns cards=true>{rows}</Table> }.into_any()
    };
    view! {
        <section class="card" aria-labelledby="tokens">
            <div class="card-head">
                <h2 id="tokens">{t.tokens()}</h2>
                <span class="push">
                    <May right="tokens.create">
                        <Button size=Size::Small icon=Icon::Plus on:click=move |_| open.set(true)>{t.new_token()}</Button>
                    </May>
                </span>
            </div>
            {body}
        </section>
    }
}

fn row(t: Texts, token: Token, as_of: i64) -> impl IntoView {
    let used = token.latest_use.map_or_else(|| t.none_yet().to_owned(), |at| t.moment(at, as_of));
    let expiry = if token.expires_at - as_of < NEAR { "t-warn" } else { "" };
    let question = Question {
        title: t.revoke_token_title(&token.name),
        text: t.revoke_token_text().to_owned(),
        effects: Vec::new(),
        verb: t.revoke_token().to_owned(),
        is_danger: true,
        act: Act::RevokeToken { id: token.id },
        done: t.done_token_revoked(&token.name),
    };
    let scopes = token.scopes.into_iter().map(|scope| view! { <Tag>{scope}</Tag> " " }).views();
    view! {
        <tr role="row">
            <th scope="row" role="rowheader" class="a"><bdi>{token.name}</bdi></th>
            <td role="cell" class="hide-m"><bdi>{token.operator}</bdi></td>
            <td role="cell" class="c wrap"><bdi dir="ltr">{scopes}</bdi></td>
            <td role="cell" class="num b">{used}</td>
            <td role="cell" class="num d"><span class=expiry>{t.date(token.expires_at)}</span></td>
            <td role="cell" class="col-act">
                <Ask question kind=Kind::Quiet size=Size::Small word=t.revoke_token() />
            </td>
        </tr>
    }
}

/// A new token, which is shown once.
#[derive(Clone)]
struct Created {
    token: Hidden,
    expires_at: i64,
}

/// What the form sends.
fn act_of(t: Texts, sent: &Sent) -> Result<Act, Refusal> {
    let days = whole(t, sent, "token-days", 1, 365)?;
    let scopes = sent.words("scope");
    if scopes.is_empty() {
        return Err(local("scopes", t.problem_scopes().to_owned()));
    }
    Ok(Act::CreateToken { name: sent.word("token-name").unwrap_or_default(), scopes, days })
}

/// The dialog of a new token, and the one that shows it.
#[component]
pub fn TokenDialogs() -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let open = expect_context::<Dialogs>().token;
    let (refusal, busy) = (RwSignal::new(None::<Refusal>), RwSignal::new(false));
    let created = RwSignal::new(None::<Created>);
    effect(move || {
        if open.get() {
            refusal.set(None);
        }
    });
    let submit = move |sent: Sent| {
        let act = match act_of(t, &sent) {
            Ok(act) => act,
            Err(why) => return refusal.set(Some(why)),
        };
        create(acts, act, Flow { open, refusal, busy, created });
    };
    view! {
        <FormDialog
            open
            id="new-token"
            title=t.new_token()
            cancel=t.cancel()
            confirm=t.create_token()
            busy
            on_submit=submit
        >
            <p>{t.new_token_text()}</p>
            <RefusalNote refusal fields=&["name", "token-days"] />
            <Field
                name="token-name"
                label=t.field_name()
                hint=t.token_name_hint().to_owned()
                autocomplete="off"
                required=true
                error=at_field(t, refusal, "name")
            />
            <Field
                name="token-days"
                label=t.field_days()
                value="90"
                hint=t.token_days_hint().to_owned()
                inputmode="numeric"
                error=at_field(t, refusal, "token-days")
            />
            <fieldset class="scopes">
                <legend>{t.token_may()}</legend>
                <div class="scope-list"><Scopes /></div>
            </fieldset>
        </FormDialog>
        {live(move || created.get().map(|token| view! { <Shown token created /> }).into_any())}
    }
}

/// The rights that a token of this operator can have.
#[component]
fn Scopes() -> impl IntoView {
    let viewer = use_acts().viewer();
    view! {
        <Transition fallback=|| ()>
            {later(move || Box::pin(async move {
                let rights = viewer.get().await.map(|viewer| viewer.rights).unwrap_or_default();
                rights
                    .into_iter()
                    .filter(|right| is_for_tokens(right))
                    .map(|right| {
                        let word = right.clone();
                        view! { <Tick name="scope" value=right><bdi dir="ltr" class="mono">{word}</bdi></Tick> }
                    })
                    .views()
                    .into_any()
            }))}
        </Transition>
    }
}

/// The signals of the dialog.
#[derive(Clone, Copy)]
struct Flow {
    open: RwSignal<bool>,
    refusal: RwSignal<Option<Refusal>>,
    busy: RwSignal<bool>,
    created: RwSignal<Option<Created>>,
}

/// Creates the token; after the operator's confirmation if the server requires it.
fn create(acts: Acts, act: Act, flow: Flow) {
    flow.busy.set(true);
    spawn_local(async move {
        match acts.send(act.clone()).await {
            Ok(Outcome::Token { token, expires_at }) => {
                flow.open.set(false);
                flow.created.set(Some(Created { token, expires_at }));
            }
            Ok(_) => flow.open.set(false),
            Err(why) if why.requires_confirmation() => {
                acts.confirm(Arc::new(move || create(acts, act.clone(), flow)));
            }
            Err(why) => flow.refusal.set(Some(why)),
        }
        flow.busy.set(false);
    });
}

#[component]
fn Shown(token: Created, created: RwSignal<Option<Created>>) -> impl IntoView {
    let t = use_texts();
    let open = RwSignal::new(true);
    effect(move || {
        if !open.get() {
            created.set(None);
        }
    });
    view! {
        <NoticeDialog open id="created-token" title=t.created_token_title() close=t.finish()>
            <p>{t.created_token_text()}</p>
            <CopyField id="created-token-text" label=t.token() text=token.token.expose() />
            <dl class="facts">
                <Fact name=t.expires()>{t.date(token.expires_at)}</Fact>
            </dl>
        </NoticeDialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_that_create_access_are_not_offered() {
        assert!(is_for_tokens("users.read") && is_for_tokens("logs.read") && is_for_tokens("keys.rotate"));
        for right in ["own.read", "operators.write", "tokens.create", "backup.create", "logs.write"] {
            assert!(!is_for_tokens(right), "{right}");
        }
    }
}
