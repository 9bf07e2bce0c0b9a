//! The pages: one file for each, which draws its model.

pub mod entry;
pub mod logs;
pub mod overview;
pub mod services;
pub mod sessions;
pub mod settings;
pub mod tor;
pub mod users;

pub(crate) use crate::address::address;
use crate::texts::Texts;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use tornado_ui::view;

/// A parameter of the address; none if it is empty.
pub(crate) fn parameter(name: &'static str) -> Memo<Option<String>> {
    let query = use_query_map();
    Memo::new(move |_| query.with(|query| query.get(name).filter(|value| !value.is_empty())))
}

/// The range of a list's part: positions if they are known, otherwise the number of rows.
pub(crate) fn range_of<T>(t: Texts, page: &crate::model::Page<T>) -> String {
    let rows = page.rows.len() as u64;
    match page.offset.zip(page.matching) {
        Some((offset, matching)) => t.pager_range(offset + 1, offset + rows, matching),
        None => t.pager_rows(rows),
    }
}

/// A value with its unit in grey.
fn measure((value, unit): (String, &'static str)) -> impl IntoView {
    view! { <bdi dir="ltr">{value}<span class="unit">{"\u{202f}"}{unit}</span></bdi> }
}

/// A value with its unit, or that it is not known.
fn known(t: Texts, value: Option<(String, &'static str)>) -> AnyView {
    match value {
        Some(value) => measure(value).into_any(),
        None => view! { <span class="dim">{t.not_known()}</span> }.into_any(),
    }
}
