//! The operator's passkeys: list, registration, removal.

use super::Dialogs;
use crate::acts::{RefusalNote, at_field, use_acts};
use crate::browser::passkey::{self, Ceremony};
use crate::model::act::{Act, Hidden, Outcome, Refusal};
use crate::model::settings::Passkey;
use crate::texts::use_texts;
use leptos::prelude::*;
use leptos::task::spawn_local;
use tornado_ui::button::{Button, Kind, Size};
use tornado_ui::feedback::{Empty, Note, Weight};
use tornado_ui::field::{Field, Sent};
use tornado_ui::icon::Icon;
use tornado_ui::overlay::FormDialog;
use tornado_ui::state::Condition;
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, effect, live, view};

/// The passkeys.
#[component]
pub fn Passkeys(
    /// The rows.
    passkeys: Vec<Passkey>,
    /// When they were read.
    as_of: i64,
) -> impl IntoView {
    let t = use_texts();
    let dialogs: Dialogs = expect_context();
    let is_empty = passkeys.is_empty();
    let rows = passkeys
        .into_iter()
        .map(|one| {
            let chosen = (one.id, one.name.clone());
            let used = one.latest_use.map_or_else(|| t.none_yet().to_owned(), |at| t.moment(at, as_of));
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><bdi>{one.name}</bdi></th>
                    <td role="cell" class="num c">{t.date(one.created_at)}</td>
                    <td role="cell" class="num b">{used}</td>
                    <td role="cell" class="col-act">
                        <Button
                            kind=Kind::Quiet
                            size=Size::Small
                            on:click=move |_| dialogs.old_passkey.set(Some(chosen.clone()))
                        >
                            {t.remove()}
                        </Button>
                    </td>
                </tr>
            }
        })
        .views();
    let body = if is_empty {
        view! { <Empty icon=Icon::Fingerprint title=t.passkeys_none() text=t.passkeys_none_text() /> }.into_any()
    } else {
        let columns = vec![
            Column::new(t.passkey(), "a"),
            Column::new(t.created_at(), "num c"),
            Column::new(t.latest_use(), "num b"),
            Column::hidden(t.action(), "col-act"),
        ];
        view! { <Table caption=t.passkeys() columns cards=true>{rows}</Table> }.into_any()
    };
    view! {
        <section class="card" aria-labelledby="passkeys">
            <div class="card-head">
                <h2 id="passkeys">{t.passkeys()}</h2>
                <span class="push">
                    <Button size=Size::Small icon=Icon::Plus on:click=move |_| dialogs.new_passkey.set(true)>
                        {t.add_passkey()}
                    </Button>
                </span>
            </div>
            {body}
        </section>
    }
}

/// The dialogs of a new passkey, and of the removal of one.
#[component]
pub fn PasskeyDialogs() -> impl IntoView {
    view! {
        <Add />
        <Remove />
    }
}

#[component]
fn Add() -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let open = expect_context::<Dialogs>().new_passkey;
    let (refusal, busy) = (RwSignal::new(None::<Refusal>), RwSignal::new(false));
    effect(move || {
        if open.get() {
            refusal.set(None);
        }
    });
    let submit = move |sent: Sent| {
        let name = sent.word("passkey-name").unwrap_or_default();
        let password = Hidden::new(sent.text("passkey-password"));
        busy.set(true);
        spawn_local(async move {
            let added = async {
                let Outcome::Challenge(challenge) = acts.send(Act::BeginPasskey { password }).await? else {
                    return Err(Refusal::unreachable());
                };
                let answer = passkey::answer(Ceremony::Create, challenge).await?;
                acts.send(Act::AddPasskey { name: name.clone(), answer }).await
            };
            match added.await {
                Ok(_) => {
                    open.set(false);
                    acts.say(Condition::Good, t.done_passkey_added(&name));
                }
                Err(why) => refusal.set(Some(why)),
            }
            busy.set(false);
        });
    };
    view! {
        <FormDialog
            open
            id="new-passkey"
            title=t.add_passkey()
            cancel=t.cancel()
            confirm=t.go_on()
            busy
            on_submit=submit
        >
            <p>{t.add_passkey_text()}</p>
            {(!passkey::is_available()).then(|| view! { <Note weight=Weight::Warning>{t.passkeys_need_tls()}</Note> })}
            <RefusalNote refusal fields=&["name", "password"] />
            <Field
                name="passkey-name"
                label=t.field_name()
                hint=t.passkey_name_hint().to_owned()
                autocomplete="off"
                required=true
                error=at_field(t, refusal, "name")
            />
            <Field
                name="passkey-password"
                label=t.field_password()
                kind="password"
                autocomplete="current-password"
                required=true
                error=at_field(t, refusal, "password")
            />
        </FormDialog>
    }
}

#[component]
fn Remove() -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let chosen = expect_context::<Dialogs>().old_passkey;
    let open = RwSignal::new(false);
    let (refusal, busy) = (RwSignal::new(None::<Refusal>), RwSignal::new(false));
    effect(move || open.set(chosen.with(Option::is_some)));
    Effect::new(move |before: Option<bool>| {
        let is_open = open.get();
        if before == Some(true) && !is_open {
            refusal.set(None);
            chosen.set(None);
        }
        is_open
    });
    let submit = move |sent: Sent| {
        let Some((id, name)) = chosen.get_untracked() else { return };
        let password = Hidden::new(sent.text("old-passkey-password"));
        busy.set(true);
        spawn_local(async move {
            match acts.send(Act::RemovePasskey { id, password }).await {
                Ok(_) => {
                    open.set(false);
                    acts.say(Condition::Good, t.done_passkey_removed(&name));
                }
                Err(why) => refusal.set(Some(why)),
            }
            busy.set(false);
        });
    };
    view! {
        {live(move || {
            let name = chosen.get().map(|(_, name)| name).unwrap_or_default();
            view! {
                <FormDialog
                    open
                    id="old-passkey"
                    title=t.remove_passkey_title(&name)
                    cancel=t.cancel()
                    confirm=t.remove()
                    busy
                    on_submit=submit
                >
                    <p>{t.remove_passkey_text()}</p>
                    <RefusalNote refusal fields=&["password"] />
                    <Field
                        name="old-passkey-password"
                        label=t.field_password()
                        kind="password"
                        autocomplete="current-password"
                        required=true
                        error=at_field(t, refusal, "password")
                    />
                </FormDialog>
            }
        }.into_any())}
    }
}
