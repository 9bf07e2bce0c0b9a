//! Tables, the bar of filters above them and the pages below.
//!
//! Roles are written out, because the stylesheet lays rows out as cards on phones, which removes the implicit ones.

use crate::button::LinkButton;
use crate::icon::{Icon, Pic};
use crate::{Views as _, live, view};
use leptos::prelude::*;

/// Direction of a sorted column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// The head of a column.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Its words.
    pub title: String,
    /// Classes: `a` to `d` place the cell in a card, `num` aligns, `hide-m` and `hide-s` leave it out.
    pub class: &'static str,
    /// Address that sorts by it.
    pub sort: Option<String>,
    /// How the rows are sorted by it now.
    pub order: Option<Order>,
    /// The title is for screen readers only.
    pub is_hidden: bool,
}

impl Column {
    /// A column with a title.
    pub fn new(title: impl Into<String>, class: &'static str) -> Self {
        Self { title: title.into(), class, ..Self::default() }
    }

    /// A column whose title only screen readers get.
    pub fn hidden(title: impl Into<String>, class: &'static str) -> Self {
        Self { is_hidden: true, ..Self::new(title, class) }
    }

    /// The column can be sorted.
    #[must_use]
    pub fn sorted_by(self, href: impl Into<String>, order: Option<Order>) -> Self {
        Self { sort: Some(href.into()), order, ..self }
    }
}

/// A table. The children are the rows: `<tr role="row">` with cells of the columns' classes.
#[component]
pub fn Table(
    /// What it lists.
    #[prop(into)]
    caption: String,
    /// Its columns.
    columns: Vec<Column>,
    /// Rows become cards on phones.
    #[prop(optional)]
    cards: bool,
    /// Rows of 34 instead of 40 px.
    #[prop(optional)]
    tight: bool,
    /// The rows.
    children: Children,
) -> impl IntoView {
    let class = format!("table{}{}", if cards { " table-cards" } else { "" }, if tight { " table-tight" } else { "" });
    // The children of an element are built before its attributes.
    let label = caption.clone();
    view! {
        <div class="table-box" tabindex="0" role="region" aria-label=label>
            <table class=class role="table">
                <caption class="vh">{caption}</caption>
                {heads(columns)}
                <tbody role="rowgroup">{children()}</tbody>
            </table>
        </div>
    }
}

/// The heads of the columns.
pub(crate) fn heads(columns: Vec<Column>) -> impl IntoView {
    view! {
        <thead role="rowgroup">
            <tr role="row">{columns.into_iter().map(head).views()}</tr>
        </thead>
    }
}

fn head(column: Column) -> impl IntoView {
    let Column { title, class, sort, order, is_hidden } = column;
    let sorted = order.map(|order| match order {
        Order::Ascending => "ascending",
        Order::Descending => "descending",
    });
    let arrow = order.map(|order| match order {
        Order::Ascending => Icon::Up,
        Order::Descending => Icon::Down,
    });
    let words = match sort {
        Some(href) => {
            view! { <a class="sort" href=href>{title}{arrow.map(|icon| view! { <Pic icon /> })}</a> }.into_any()
        }
        None if is_hidden => view! { <span class="vh">{title}</span> }.into_any(),
        None => title.into_any(),
    };
    view! { <th scope="col" role="columnheader" class=class aria-sort=sorted>{words}</th> }
}

/// The bar above a list: search, filters, and the count at its end.
#[component]
pub fn Filters(
    /// What is filtered.
    #[prop(into)]
    label: String,
    /// Number of rows and its parts; a change is announced.
    #[prop(into)]
    count: Signal<String>,
    /// Search and filters.
    children: Children,
) -> impl IntoView {
    view! {
        <form class="filters" role="search" aria-label=label method="get">
            {children()}
            <p class="count" role="status">{live(move || count.get())}</p>
        </form>
    }
}

/// A filter. A link: its address has the filter set or removed.
#[component]
pub fn Filter(
    /// Address that changes it.
    #[prop(into)]
    href: String,
    /// Its name.
    #[prop(into)]
    name: String,
    /// The value that is set.
    #[prop(default = None, into)]
    value: Option<String>,
    /// Name of the link that removes it, for screen readers.
    #[prop(optional, into)]
    remove: String,
) -> impl IntoView {
    match value {
        None => view! { <a class="filter" href=href><Pic icon=Icon::Plus />{name}</a> }.into_any(),
        Some(value) => view! {
            <a class="filter filter-on" href=href>
                {name}
                <b>{value}</b>
                <span class="vh">{remove}</span>
                <Pic icon=Icon::Close />
            </a>
        }
        .into_any(),
    }
}

/// Before and next, with the range.
#[component]
pub fn Pager(
    /// The range, as "1 to 18 of 347".
    #[prop(into)]
    range: String,
    /// Word and address of the page before, if there is one.
    before: (String, Option<String>),
    /// Word and address of the next page, if there is one.
    next: (String, Option<String>),
) -> impl IntoView {
    let step = |(word, href): (String, Option<String>)| match href {
        Some(href) => view! { <LinkButton href=href size=crate::button::Size::Small>{word}</LinkButton> }.into_any(),
        None => view! { <span class="btn btn-s" aria-disabled="true">{word}</span> }.into_any(),
    };
    view! {
        <div class="pager">
            <span>{range}</span>
            <span class="push"></span>
            {step(before)}
            {step(next)}
        </div>
    }
}
