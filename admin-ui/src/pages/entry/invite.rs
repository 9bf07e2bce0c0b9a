//! The last step of the set-up: the first invitation. It works without script.

use super::Plain;
use crate::acts::words;
use crate::frame::Loaded;
use crate::model::Viewer;
use crate::model::act::{Invitation, Refusal};
use crate::model::users::Query;
use crate::pages::users::invite::InvitationView;
use crate::reading::Reading;
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use std::time::Duration;
use tornado_ui::button::{Button, Kind, LinkButton, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::state::{Condition, State};
use tornado_ui::{effect, live, view};

/// Interval between two checks for the first device.
const PERIOD: Duration = Duration::from_secs(3);

/// Set-up: the first invitation, which the form creates and the response shows once.
#[component]
pub fn Invite() -> impl IntoView {
    let t = use_texts();
    let state = Reading::new(source::first_invitation);
    view! {
        <Plain title=t.first_invite_title() text=t.first_invite_text() step=2_usize>
            <Loaded of=state view=move |(viewer, created)| view! { <InviteStep viewer created /> } />
        </Plain>
    }
}

#[component]
fn InviteStep(viewer: Viewer, created: Option<Result<Invitation, Refusal>>) -> impl IntoView {
    let t = use_texts();
    let is_created = created.as_ref().is_some_and(Result::is_ok);
    let shown = created.map(|created| match created {
        Ok(invitation) => view! { <InvitationView invitation /> <Waiting /> }.into_any(),
        Err(why) => view! { <div role="alert"><Note weight=Weight::Fault>{words(t, &why)}</Note></div> }.into_any(),
    });
    let (kind, word) =
        if is_created { (Kind::Plain, t.another_invitation()) } else { (Kind::Primary, t.invite_create()) };
    view! {
        {shown}
        <form class="row row-wrap" method="post" action="/setup/invite">
            <input type="hidden" name="csrf" value=viewer.csrf />
            {is_created.then(|| view! { <LinkButton href="/" kind=Kind::Primary size=Size::Large>{t.to_console()}</LinkButton> })}
            <Button kind size=Size::Large submit=true>{word}</Button>
            {(!is_created).then(|| view! { <LinkButton href="/" kind=Kind::Quiet size=Size::Large>{t.to_console()}</LinkButton> })}
        </form>
        <Note>{t.factor_advice()} " " <a href="/settings#second-factor">{t.set_up_factor()}</a></Note>
    }
}

/// Whether the first device has come: it adds a user. Looks again by itself, in the browser.
#[component]
fn Waiting() -> impl IntoView {
    let t = use_texts();
    let (first, users) = (RwSignal::new(None), RwSignal::new(None));
    effect(move || {
        let look = move || {
            leptos::task::spawn_local(async move {
                if let Ok(found) = source::users(Query::default()).read().await {
                    let count = found.page.rows.len();
                    first.update(|first| *first = first.or(Some(count)));
                    users.set(Some(count));
                }
            });
        };
        look();
        if let Ok(timer) = set_interval_with_handle(look, PERIOD) {
            on_cleanup(move || timer.clear());
        }
    });
    let has_come = move || users.get() > first.get();
    view! {
        <p role="status">
            {live(move || {
                if has_come() {
                    view! { <State condition=Condition::Good word=t.first_device_came() /> }
                } else {
                    view! { <State condition=Condition::Pending word=t.waiting_device() /> }
                }
            }.into_any())}
        </p>
    }
}
