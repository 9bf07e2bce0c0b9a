//! About: version and licence, and the way to all pages.

use crate::frame::{Head, Loaded, LookForm, pages, read};
use crate::model::settings::About as Model;
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::figures::{Card, Fact};
use tornado_ui::icon::{Icon, Pic};
use tornado_ui::{Views as _, view};

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    let about = read(|| (), |()| source::about(), &[], None);
    view! {
        <Head title=t.nav_about() />
        <Loaded of=about view=move |about| view! { <Content about /> } />
    }
}

#[component]
fn Content(about: Model) -> impl IntoView {
    let t = use_texts();
    let audit = ("/audit", Icon::Audit, t.nav_audit());
    let links = pages(t).into_iter().chain([audit]).map(|(href, icon, words)| {
        view! {
            <li>
                <a class="btn btn-quiet" href=href><Pic icon />{words}</a>
            </li>
        }
    });
    view! {
        <Card id="version" title="Tornado VPN">
            <div class="card-body">
                <dl class="facts">
                    <Fact name=t.version()><bdi dir="ltr">{about.version}</bdi></Fact>
                    <Fact name=t.licence()>
                        <a href="/about/licence"><bdi dir="ltr">{about.licence}</bdi></a>
                    </Fact>
                    <Fact name=t.kept_title()>
                        <a href="/about/data-kept">{t.kept_columns()}</a>
                    </Fact>
                </dl>
            </div>
        </Card>
        <Card id="pages" title=t.all_pages()>
            <div class="card-body"><ul class="row row-wrap">{links.views()}</ul></div>
        </Card>
        <Card id="look" title=t.look()>
            <div class="card-body"><LookForm /></div>
        </Card>
    }
}
