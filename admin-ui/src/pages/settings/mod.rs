//! Settings: look, effective configuration, operators, sign-ins. About: versions, and what the server keeps.

mod operators;

use crate::acts::{Ask, Question};
use crate::frame::{Head, Loaded, LookForm, read};
use crate::model::act::Act;
use crate::model::settings::{About as AboutModel, Configuration, Origin, Settings, SignIn};
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use operators::{Operators, PutOperator};
use tornado_ui::button::{Kind, Size};
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::figures::{Card, Fact};
use tornado_ui::state::Tag;
use tornado_ui::table::{Column, Table};

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let settings = read(|| (), |()| source::settings(), &[], None);
    let new_operator = RwSignal::new(None::<String>);
    view! {
        <Head title=t.nav_settings()>
            <a href="/about">{t.nav_about()}</a>
        </Head>
        <Card id="look" title=t.look()>
            <div class="card-body"><LookForm /></div>
        </Card>
        <Loaded of=settings view=move |settings| view! { <Content settings new_operator /> } />
        <PutOperator chosen=new_operator />
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The settings.
    settings: Settings,
    /// The operator whose role is changed; empty for a new one.
    new_operator: RwSignal<Option<String>>,
) -> impl IntoView {
    view! {
        {settings.operators.map(|operators| view! { <Operators operators new_operator /> })}
        <SignIns sign_ins=settings.sign_ins as_of=settings.as_of />
        {settings.configuration.map(|configuration| view! { <Effective configuration /> })}
    }
}

#[component]
fn Effective(configuration: Configuration) -> impl IntoView {
    let t = use_texts();
    let columns = vec![Column::new(t.setting(), "a"), Column::new(t.value(), "c"), Column::new(t.origin(), "d")];
    let rows = configuration
        .values
        .into_iter()
        .map(|one| {
            let origin = match one.origin {
                Origin::Default => t.origin_default(),
                Origin::File => t.origin_file(),
                Origin::Chosen => t.origin_chosen(),
                Origin::Operator => t.origin_operator(),
            };
            let value = match one.value {
                Some(value) => view! { <bdi dir="ltr" class="mono">{value}</bdi> }.into_any(),
                None => view! { <span class="dim">{t.set()}</span> }.into_any(),
            };
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><bdi dir="ltr" class="mono">{one.name}</bdi></th>
                    <td role="cell" class="c">{value}</td>
                    <td role="cell" class="d soft">{origin}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <section class="card" aria-labelledby="values">
            <div class="card-head">
                <h2 id="values">{t.effective_values()}</h2>
                <p class="push"><bdi dir="ltr" class="mono">{configuration.file}</bdi></p>
            </div>
            {configuration
                .is_changed
                .then(|| view! { <div class="card-body"><Note weight=Weight::Warning>{t.file_changed()}</Note></div> })}
            <Table caption=t.effective_values() columns cards=true tight=true>{rows}</Table>
        </section>
    }
}

#[component]
fn SignIns(sign_ins: Vec<SignIn>, as_of: i64) -> impl IntoView {
    let t = use_texts();
    let rows = sign_ins
        .into_iter()
        .map(|one| {
            let end = (!one.is_current).then(|| {
                let question = Question {
                    title: t.revoke_sign_in_title().to_owned(),
                    text: t.revoke_sign_in_text().to_owned(),
                    effects: Vec::new(),
                    verb: t.end_sign_in().to_owned(),
                    is_danger: true,
                    act: Act::RevokeSignIn { id: one.id.clone() },
                    done: t.done_sign_in_revoked().to_owned(),
                };
                view! { <Ask question kind=Kind::Quiet size=Size::Small word=t.end_sign_in() /> }
            });
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a">
                        <bdi>{one.operator}</bdi>
                        {one.is_current.then(|| view! { " " <Tag>{t.this_sign_in()}</Tag> })}
                    </th>
                    <td role="cell" class="c"><bdi dir="ltr">{one.address}</bdi></td>
                    <td role="cell" class="num hide-m">{t.moment(one.at, as_of)}</td>
                    <td role="cell" class="num b">{t.moment(one.latest_use, as_of)}</td>
                    <td role="cell" class="col-act">{end}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Card id="sign-ins" title=t.sign_ins()>
            <Table
                caption=t.sign_ins()
                columns=vec![
                    Column::new(t.operator(), "a"),
                    Column::new(t.address(), "c"),
                    Column::new(t.signed_in_at(), "num hide-m"),
                    Column::new(t.latest_use(), "num b"),
                    Column::hidden(t.action(), "col-act"),
                ]
                cards=true
            >
                {rows}
            </Table>
        </Card>
    }
}

/// Version, licence, and what the server keeps about people.
#[component]
pub fn About() -> impl IntoView {
    let t = use_texts();
    let about = read(|| (), |()| source::about(), &[], None);
    view! {
        <Head title=t.nav_about() />
        <Loaded of=about view=move |about| view! { <AboutContent about /> } />
    }
}

/// Everything below the head.
#[component]
pub fn AboutContent(
    /// What the server is.
    about: AboutModel,
) -> impl IntoView {
    let t = use_texts();
    view! {
        <Card id="version" title="Tornado VPN">
            <div class="card-body">
                <dl class="facts">
                    <Fact name=t.version()><bdi dir="ltr">{about.version}</bdi></Fact>
                    <Fact name=t.licence()><bdi dir="ltr">{about.licence}</bdi></Fact>
                </dl>
            </div>
        </Card>
    }
}
