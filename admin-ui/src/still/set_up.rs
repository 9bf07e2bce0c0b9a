//! The first two steps of the set-up: first operator, public host name. Each is saved.

use crate::frame::Loaded;
use crate::model::set_up::{Reach, Reachability};
use crate::pages::entry::{Plain, problem};
use crate::pages::parameter;
use crate::reading::Reading;
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::button::{Button, Kind, LinkButton, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::field::Field;
use tornado_ui::icon::Glyph;
use tornado_ui::state::Condition;
use tornado_ui::{live, view};

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
