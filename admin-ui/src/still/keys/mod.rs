//! Keys. The audit trail is the other tab of the page.

mod life;

use super::Answered;
use crate::acts::{May, report, use_acts, words};
use crate::frame::{Head, Loaded, With, read};
use crate::model::Viewer;
use crate::model::keys::{Keys, Phase, Usage};
use crate::source;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use life::Life;
use tornado_ui::button::{Button, Kind, LinkButton};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::field::Field;
use tornado_ui::figures::{Card, Tabs};
use tornado_ui::icon::{Glyph, Icon};
use tornado_ui::state::{Condition, State};
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, view};

/// The tabs of keys and the audit trail.
pub fn tabs(t: Texts, is_audit: bool) -> impl IntoView {
    let tabs = vec![
        ("/keys".to_owned(), t.keys_tab().to_owned(), !is_audit),
        ("/audit".to_owned(), t.nav_audit().to_owned(), is_audit),
    ];
    view! { <Tabs label=t.nav_keys() tabs /> }
}

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let keys = read(|| (), |()| source::keys(), &[], None);
    let viewer = use_acts().viewer();
    let check = move |viewer: Viewer| {
        view! {
            <form method="post" action="/keys">
                <input type="hidden" name="csrf" value=viewer.csrf />
                <Button icon=Icon::Shield submit=true>{t.check_keys()}</Button>
            </form>
        }
    };
    view! {
        <Head title=t.nav_keys()>
            <May right="keys.read">
                <With of=viewer view=check />
            </May>
            <May right="keys.rotate">
                <LinkButton href="#rotate" icon=Icon::Refresh>{t.rotate_keys()}</LinkButton>
            </May>
        </Head>
        {tabs(t, false)}
        {use_context::<Answered>().map(|answered| answer(t, answered))}
        <Loaded of=keys view=move |keys| view! { <Content keys /> } />
        <May right="keys.rotate">
            <With of=viewer view=|viewer: Viewer| view! { <Rotation csrf=viewer.csrf /> } />
        </May>
    }
}

/// What the form before has done.
fn answer(t: Texts, Answered(outcome): Answered) -> impl IntoView {
    let (condition, text) = match &outcome {
        Ok(outcome) => report(t, outcome, t.done_rotated().to_owned()),
        Err(why) => (Condition::Broken, words(t, why)),
    };
    if condition == Condition::Good {
        view! {
            <div class="note" role="status">
                <Glyph shape=condition.shape() tone=condition.tone() />
                <p>{text}</p>
            </div>
        }
        .into_any()
    } else {
        view! { <div role="alert"><Note weight=Weight::Fault>{text}</Note></div> }.into_any()
    }
}

/// The form that rotates the keys: its effect, and the password.
#[component]
fn Rotation(csrf: String) -> impl IntoView {
    let t = use_texts();
    view! {
        <Card id="rotate" title=t.rotate_title()>
            <form class="card-body stack" method="post" action="/keys/rotate">
                <p class="soft">{t.rotate_text()}</p>
                <ul class="effects"><li><b>{t.number(0)}</b><span>{t.effect_logins()}</span></li></ul>
                <input type="hidden" name="csrf" value=csrf />
                <div class="row row-wrap row-end">
                    <Field
                        name="password"
                        label=t.field_password()
                        kind="password"
                        autocomplete="current-password"
                        required=true
                    />
                    <Button kind=Kind::Primary icon=Icon::Refresh submit=true>{t.rotate_keys()}</Button>
                </div>
            </form>
        </Card>
    }
}

/// What a key is for.
fn usage_word(t: Texts, usage: &Usage) -> String {
    match usage {
        Usage::Access => t.usage_access().to_owned(),
        Usage::Refresh => t.usage_refresh().to_owned(),
        Usage::LoginV1 => t.usage_login(1),
        Usage::LoginV2 => t.usage_login(2),
        Usage::Other(word) => word.clone(),
    }
}

/// The keys.
#[component]
pub fn Content(
    /// The keys.
    keys: Keys,
) -> impl IntoView {
    let t = use_texts();
    let columns = vec![
        Column::new(t.key_usage(), "a"),
        Column::new(t.key_phase(), "b"),
        Column::new(t.key_id(), "c"),
        Column::new(t.created_at(), "num hide-m"),
        Column::new(t.used_since(), "num d"),
        Column::new(t.key_gone(), "num"),
    ];
    let as_of = keys.as_of;
    let all = keys.keys.clone();
    let rows = keys
        .keys
        .into_iter()
        .map(|key| {
            let usage = usage_word(t, &key.usage);
            let (condition, phase) = match key.phase {
                Phase::Current => (Condition::Good, t.key_current()),
                Phase::Next => (Condition::Pending, t.key_next()),
                Phase::VerifyOnly => (Condition::Absent, t.key_verify_only()),
            };
            let gone = key.gone_at.map_or_else(|| t.none_yet().to_owned(), |at| t.moment(at, as_of));
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a">{usage}</th>
                    <td role="cell" class="b"><State condition word=phase /></td>
                    <td role="cell" class="c"><bdi dir="ltr" class="mono">{key.id}</bdi></td>
                    <td role="cell" class="num hide-m">{t.moment(key.created_at, as_of)}</td>
                    <td role="cell" class="num d">{t.moment(key.active_from, as_of)}</td>
                    <td role="cell" class="num">{gone}</td>
                </tr>
            }
        })
        .views();
    let rotation = match (keys.is_rotating, keys.next_rotation) {
        (true, _) => t.rotating().to_owned(),
        (false, Some(at)) => t.next_rotation(&t.moment(at, as_of)),
        (false, None) => t.rotation_by_hand().to_owned(),
    };
    view! {
        <section class="card" aria-labelledby="life">
            <div class="card-head">
                <h2 id="life">{t.life_of_keys()}</h2>
                <p>{rotation}</p>
            </div>
            <Life keys=all as_of />
        </section>
        <div class="cols-21">
            <section class="card" aria-labelledby="keys">
                <div class="card-head">
                    <h2 id="keys">{t.keys_tab()}</h2>
                </div>
                <Table caption=t.keys_tab() columns cards=true>{rows}</Table>
            </section>
            {keys
                .tls
                .map(|digest| {
                    view! {
                        <Card id="pinned" title=t.pinned()>
                            <div class="card-body stack-s">
                                <p class="soft small">{t.pinned_text()}</p>
                                <code class="wrap"><bdi dir="ltr">{digest}</bdi></code>
                            </div>
                        </Card>
                    }
                })}
        </div>
    }
}
