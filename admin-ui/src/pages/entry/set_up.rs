//! The set-up: first operator, public host name, first invitation. Each step is saved, and works without script.

use super::{Plain, problem};
use crate::acts::words;
use crate::frame::Loaded;
use crate::model::Viewer;
use crate::model::act::{Invitation, Refusal};
use crate::model::set_up::{Reach, Reachability};
use crate::model::users::Query;
use crate::pages::parameter;
use crate::pages::users::invite::InvitationView;
use crate::reading::Reading;
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use std::time::Duration;
use tornado_ui::button::{Button, Kind, LinkButton, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::field::Field;
use tornado_ui::icon::Glyph;
use tornado_ui::state::{Condition, State};
use tornado_ui::{effect, live, view};

/// Interval between two checks for the first device.
const PERIOD: Duration = Duration::from_secs(3);

/// Set-up: the first operator. The link of the server carries the token.
#[component]
pub fn SetUp() -> impl IntoView {
    let t = use_texts();
    let code = parameter("problem");
    let token = parameter("code");
    let error_of = move |codes: &'static [&'static str]| {
        Signal::derive(move || {
            code.get().filter(|code| codes.contains(&code.as_str())).map(|code| problem(t, &code).to_owned())
        })
    };
    let other =
        Signal::derive(move || code.get().filter(|code| !["name_taken", "invalid_fields"].contains(&code.as_str())));
    view! {
        <Plain title=t.set_up_title() text=t.set_up_text() step=0_usize>
            {live(move || {
                other
                    .get()
                    .map(|code| {
                        view! { <Note weight=Weight::Fault>{problem(t, &code)}</Note> }
                    })
            }.into_any())}
            <form class="stack" method="post" action="/setup">
                <input type="hidden" name="token" value=live(move || token.get().unwrap_or_default()) />
                <Field
                    name="name"
                    label=t.field_name()
                    hint=t.field_name_hint().to_owned()
                    autocomplete="username"
                    required=true
                    large=true
                    error=error_of(&["name_taken"])
                />
                <Field
                    name="password"
                    label=t.field_password()
                    hint=t.field_password_hint().to_owned()
                    kind="password"
                    autocomplete="new-password"
                    required=true
                    large=true
                    error=error_of(&["invalid_fields"])
                />
                <Button kind=Kind::Primary size=Size::Large wide=true submit=true>{t.set_up_create()}</Button>
            </form>
        </Plain>
    }
}

/// Set-up: the name or address that devices call.
#[component]
pub fn Host() -> impl IntoView {
    let t = use_texts();
    let place = Reading::new(source::place);
    view! {
        <Plain title=t.host_title() text=t.host_text() step=1_usize>
            <Loaded of=place view=move |(csrf, reach)| view! { <HostForm csrf reach /> } />
        </Plain>
    }
}

#[component]
fn HostForm(csrf: String, reach: Reachability) -> impl IntoView {
    let t = use_texts();
    let refused = parameter("problem");
    let error = Signal::derive(move || {
        refused.get().map(|code| if code == "invalid_fields" { t.problem_host() } else { problem(t, &code) }.to_owned())
    });
    let value = reach.host.clone().or(reach.found_address.clone()).unwrap_or_default();
    let (condition, text) = match reach.reach {
        Reach::Name => (Condition::Good, t.reach_name()),
        Reach::Public => (Condition::Good, t.reach_public()),
        Reach::Private => (Condition::Degraded, t.reach_private()),
        Reach::Missing => (Condition::Broken, t.reach_missing()),
    };
    let tor = reach.tor.map(|(percent, words)| {
        let condition = if percent == 100 { Condition::Good } else { Condition::Pending };
        view! {
            <Check condition name=t.nav_tor() value=format!("{}, {words}", t.percent(percent)) text=t.tor_opens() />
        }
    });
    view! {
        <form class="stack" method="post" action="/setup/host">
            <input type="hidden" name="csrf" value=csrf />
            <Field name="host" label=t.field_host() value required=true large=true error />
            <ul class="card checks">
                <Check
                    condition
                    name=t.address()
                    value=reach.found_address.unwrap_or_else(|| t.not_known().to_owned())
                    text
                />
                <Check condition=Condition::Good name=t.device_api() value=format!("TCP {}", reach.port) text="" />
                {tor}
            </ul>
            <Note>{t.firewall_note()}</Note>
            <div class="row row-wrap">
                <Button kind=Kind::Primary size=Size::Large submit=true>{t.keep_host()}</Button>
                <LinkButton href="/setup/invite" kind=Kind::Quiet size=Size::Large>{t.skip_step()}</LinkButton>
            </div>
        </form>
    }
}

/// One fact about the server.
#[component]
fn Check(
    condition: Condition,
    #[prop(into)] name: String,
    #[prop(into)] value: String,
    #[prop(into)] text: String,
) -> impl IntoView {
    view! {
        <li>
            <Glyph shape=condition.shape() tone=condition.tone() />
            <span>{name}</span>
            <bdi class="dim" dir="ltr">{value}</bdi>
            {(!text.is_empty()).then(|| view! { <span class="small dim">{text}</span> })}
        </li>
    }
}

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
