//! About: version and licence.

use crate::frame::{Head, Loaded, read};
use crate::model::settings::About as Model;
use crate::source;
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::figures::{Card, Fact};
use tornado_ui::view;

/// The page.
#[component]
pub fn About() -> impl IntoView {
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
