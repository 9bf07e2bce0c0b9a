//! Settings: look, effective configuration, operators, sign-ins. About: versions, and what the server keeps.

use crate::frame::{Head, Loaded, LookForm, role};
use crate::model::settings::{About as AboutModel, Origin, Settings, SignIn};
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::figures::{Card, Fact};
use tornado_ui::state::Tag;
use tornado_ui::table::{Column, Table};

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let settings = Resource::new(|| (), |()| source::settings());
    view! {
        <Head title=t.nav_settings()>
            <a href="/about">{t.nav_about()}</a>
        </Head>
        <Card id="look" title=t.look()>
            <div class="card-body"><LookForm /></div>
        </Card>
        <Loaded of=settings view=move |settings| view! { <Content settings /> } />
    }
}

/// Everything below the head.
#[component]
pub fn Content(
    /// The settings.
    settings: Settings,
) -> impl IntoView {
    let t = use_texts();
    let operators = settings
        .operators
        .into_iter()
        .map(|(name, its_role, has_factor)| {
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><bdi>{name}</bdi></th>
                    <td role="cell" class="b">{role(t, its_role)}</td>
                    <td role="cell" class="c">{if has_factor { t.set() } else { t.not_set() }}</td>
                </tr>
            }
        })
        .collect_view();
    let values = settings
        .values
        .into_iter()
        .map(|value| {
            let origin = match value.origin {
                Origin::Default => t.origin_default().to_owned(),
                Origin::Console => t.origin_console().to_owned(),
                Origin::File(path) => t.origin_file(&path),
                Origin::Environment(name) => t.origin_environment(&name),
            };
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a">
                        <bdi dir="ltr" class="mono">{format!("[{}] {}", value.table, value.key)}</bdi>
                    </th>
                    <td role="cell" class="c"><bdi dir="ltr" class="mono">{value.value}</bdi></td>
                    <td role="cell" class="d soft">{origin}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Card id="operators" title=t.operators()>
            <Table
                caption=t.operators()
                columns=vec![
                    Column::new(t.operator(), "a"),
                    Column::new(t.role(), "b"),
                    Column::new(t.second_factor(), "c"),
                ]
                cards=true
            >
                {operators}
            </Table>
        </Card>
        <SignIns sign_ins=settings.sign_ins as_of=settings.as_of />
        <Card id="values" title=t.effective_values()>
            <Table
                caption=t.effective_values()
                columns=vec![
                    Column::new(t.setting(), "a"),
                    Column::new(t.value(), "c"),
                    Column::new(t.origin(), "d"),
                ]
                cards=true
                tight=true
            >
                {values}
            </Table>
        </Card>
    }
}

#[component]
fn SignIns(sign_ins: Vec<SignIn>, as_of: i64) -> impl IntoView {
    let t = use_texts();
    let rows = sign_ins
        .into_iter()
        .map(|one| {
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a">
                        <bdi>{one.agent}</bdi>
                        {one.is_current.then(|| view! { " " <Tag>{t.this_sign_in()}</Tag> })}
                    </th>
                    <td role="cell" class="c"><bdi dir="ltr">{one.address}</bdi></td>
                    <td role="cell" class="num hide-m">{t.moment(one.at, as_of)}</td>
                    <td role="cell" class="num b">{t.moment(one.latest_use, as_of)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Card id="sign-ins" title=t.sign_ins()>
            <Table
                caption=t.sign_ins()
                columns=vec![
                    Column::new(t.browser(), "a"),
                    Column::new(t.address(), "c"),
                    Column::new(t.signed_in_at(), "num hide-m"),
                    Column::new(t.latest_use(), "num b"),
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
    let about = Resource::new(|| (), |()| source::about());
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
    let rows = about
        .kept
        .into_iter()
        .map(|(table, holds, kept)| {
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><bdi dir="ltr" class="mono">{table}</bdi></th>
                    <td role="cell" class="c wrap">{holds}</td>
                    <td role="cell" class="b">{kept}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Card id="version" title="Tornado VPN">
            <div class="card-body">
                <dl class="facts">
                    <Fact name=t.version()><bdi dir="ltr">{about.version}</bdi></Fact>
                    <Fact name=t.licence()><bdi dir="ltr">{about.licence}</bdi></Fact>
                </dl>
            </div>
        </Card>
        <Card id="kept" title=t.kept()>
            <Table
                caption=t.kept()
                columns=vec![
                    Column::new(t.table(), "a"),
                    Column::new(t.holds(), "c"),
                    Column::new(t.kept_for(), "b"),
                ]
                cards=true
            >
                {rows}
            </Table>
        </Card>
    }
}
