//! The effective configuration, with the origin of each value.

use crate::model::settings::{Configuration, Origin};
use crate::texts::use_texts;
use leptos::prelude::*;
use tornado_ui::feedback::{Note, Weight};
use tornado_ui::state::Tag;
use tornado_ui::table::{Column, Table};
use tornado_ui::{Views as _, view};

/// All values.
#[component]
pub fn Effective(
    /// The values.
    configuration: Configuration,
) -> impl IntoView {
    let t = use_texts();
    let columns = vec![Column::new(t.setting(), "a"), Column::new(t.value(), "c"), Column::new(t.origin(), "d")];
    let (all, changed) = (
        configuration.values.len() as u64,
        configuration.values.iter().filter(|one| one.origin != Origin::Default).count() as u64,
    );
    let rows = configuration
        .values
        .into_iter()
        .map(|one| {
            let origin = match one.origin {
                Origin::Default => view! { <span class="dim">{t.origin_default()}</span> }.into_any(),
                Origin::File => view! { <Tag>{t.origin_file()}</Tag> }.into_any(),
                Origin::Chosen => view! { <span class="soft">{t.origin_chosen()}</span> }.into_any(),
                Origin::Operator => view! { <Tag>{t.origin_operator()}</Tag> }.into_any(),
            };
            let value = match one.value {
                Some(value) => view! { <bdi dir="ltr" class="mono">{value}</bdi> }.into_any(),
                None => view! { <span class="dim">{t.set()}</span> }.into_any(),
            };
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="a"><bdi dir="ltr" class="mono">{one.name}</bdi></th>
                    <td role="cell" class="c wrap">{value}</td>
                    <td role="cell" class="d">{origin}</td>
                </tr>
            }
        })
        .views();
    view! {
        <section class="card" aria-labelledby="values">
            <div class="card-head">
                <h2 id="values">{t.effective_values()}</h2>
                <p>{t.values_changed(all, changed)}</p>
                <p class="push"><bdi dir="ltr" class="mono">{configuration.file}</bdi></p>
            </div>
            {configuration
                .is_changed
                .then(|| view! { <div class="card-body"><Note weight=Weight::Warning>{t.file_changed()}</Note></div> })}
            <Table caption=t.effective_values() columns cards=true tight=true>{rows}</Table>
            <div class="card-foot">
                {t.configuration_hint()} " " <code><bdi dir="ltr">"tornadod check-config"</bdi></code>
            </div>
        </section>
    }
}
