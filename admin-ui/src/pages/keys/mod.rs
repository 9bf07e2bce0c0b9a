//! Keys. The audit trail is the other tab of the page.

mod life;

use crate::acts::{Ask, May, Question, use_acts};
use crate::frame::{Head, Loaded, read};
use crate::model::act::Act;
use crate::model::keys::{Keys, Phase, Usage};
use crate::source;
use crate::texts::{Texts, use_texts};
use leptos::prelude::*;
use life::Life;
use tornado_ui::button::{Button, Kind};
use tornado_ui::figures::{Card, Tabs};
use tornado_ui::icon::Icon;
use tornado_ui::overlay::Consequence;
use tornado_ui::state::{Condition, State};
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, view};

/// The tabs of keys and the audit trail.
pub fn tabs(t: Texts, is_audit: bool) -> impl IntoView {
    let tabs = vec![
        ("/keys".to_owned(), t.keys_tab().to_owned(), !is_audit),
        ("/audit".to_owned(), t.nav_audit().to_owned(), is_audit),
    ];
    view! { <Tabs label=t.nav_keys() tabs is_whole=true /> }
}

/// The page of keys.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let acts = use_acts();
    let keys = read(|| (), |()| source::keys(), &[], None);
    let rotate = Question {
        title: t.rotate_title().to_owned(),
        text: t.rotate_text().to_owned(),
        effects: vec![Consequence { count: t.number(0), text: t.effect_logins().to_owned() }],
        verb: t.rotate_keys().to_owned(),
        is_danger: false,
        act: Act::RotateKeys,
        done: t.done_rotated().to_owned(),
    };
    view! {
        <Head title=t.nav_keys()>
            <May right="keys.read">
                <Button icon=Icon::Shield on:click=move |_| acts.run(t, Act::CheckKeys, String::new())>
                    {t.check_keys()}
                </Button>
            </May>
            <Ask question=rotate kind=Kind::Primary icon=Icon::Refresh word=t.rotate_keys() />
        </Head>
        {tabs(t, false)}
        <Loaded of=keys view=move |keys| view! { <Content keys /> } />
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
