//! The text of the licence.

use crate::frame::Head;
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::view;

/// The text, as the tree has it.
const TEXT: &str = include_str!("../../../LICENSE");

/// The page.
#[component]
pub fn Page() -> impl IntoView {
    let t = use_texts();
    view! {
        <Head title=t.licence_text() crumb=("/about", t.nav_about()) />
        <section class="card" aria-label=t.licence_text()>
            <div class="card-body"><pre class="licence" dir="ltr" lang="en" tabindex="0">{TEXT}</pre></div>
        </section>
    }
}
