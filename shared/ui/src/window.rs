//! A long table of which only a window of rows exists. The rows outside of it are two spacers, whose heights are
//! attributes of an SVG image, because the content policy allows no style attributes.

use crate::chart::fixed;
use crate::table::{Column, heads};
use crate::{effect, live, view};
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;

/// Height of a row before one was measured, in CSS pixels.
const ROW: f64 = 40.0;
/// Rows after which the position of the window changes.
const STEP: u64 = 25;
/// Rows that exist beyond those in view before others are requested.
const SPARE: u64 = 5;

/// What the table shows of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Position of the first row that exists.
    pub offset: u64,
    /// Rows that exist.
    pub rows: u64,
    /// Rows of the list.
    pub total: u64,
}

impl Window {
    /// Rows before and after the window.
    const fn outside(self) -> (u64, u64) {
        (self.offset, self.total.saturating_sub(self.offset + self.rows))
    }

    /// Where the window begins if `first` to `last` are in view: a third of it is before them.
    fn around(self, first: u64, last: u64) -> u64 {
        let before = self.rows.saturating_sub(last.saturating_sub(first)) / 3;
        let latest = self.total.saturating_sub(self.rows);
        (first.saturating_sub(before).min(latest) / STEP) * STEP
    }

    /// The new position if rows in view are missing, or nearly.
    fn moved(self, first: u64, last: u64) -> Option<u64> {
        let (begin, end) = (self.offset, self.offset + self.rows);
        let is_after_begin = begin == 0 || first >= begin + SPARE;
        let is_before_end = end >= self.total || last + SPARE <= end;
        let next = self.around(first, last);
        (!(is_after_begin && is_before_end) && next != begin).then_some(next)
    }
}

/// Where the box of a long list is scrolled to. It outlives the table, which is drawn again with each reading.
#[derive(Clone, Copy)]
pub struct Place {
    row_height: RwSignal<f64>,
    is_set: StoredValue<bool>,
}

impl Default for Place {
    fn default() -> Self {
        Self { row_height: RwSignal::new(ROW), is_set: StoredValue::new(false) }
    }
}

impl Place {
    /// The next window is another list, or begins elsewhere: the box scrolls to its first row.
    pub fn reset(self) {
        self.is_set.set_value(false);
    }
}

/// A table over a window of a list, in a box that scrolls. The children are the rows of the window.
#[component]
pub fn WindowTable(
    /// What it lists.
    #[prop(into)]
    caption: String,
    /// Its columns.
    columns: Vec<Column>,
    /// The rows that exist.
    window: Window,
    /// The browser has taken over: the box can load other rows. Until then, the table has the rows of the window only.
    #[prop(into)]
    is_live: Signal<bool>,
    /// Where the box is scrolled to.
    place: Place,
    /// Called with the position of the window that is needed.
    #[prop(into)]
    on_move: Callback<u64>,
    /// The rows.
    children: Children,
) -> impl IntoView {
    let label = caption.clone();
    let Place { row_height, is_set } = place;
    let scrolled = NodeRef::<leptos::html::Div>::new();
    effect(move || {
        let Some(scrolled) = scrolled.get().filter(|_| is_live.get() && !is_set.get_value()) else { return };
        is_set.set_value(true);
        scrolled.set_scroll_top((window.offset as f64 * row_height.get_untracked()) as i32);
    });
    let (before, after) = window.outside();
    let count = columns.len();
    let scroll = move |event: leptos::ev::Event| {
        let Some(target) = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()) else { return };
        let row = target.query_selector("tbody > tr:not(.spacer)").ok().flatten();
        let height = row.map_or(ROW, |row| row.get_bounding_client_rect().height()).max(1.0);
        if (height - row_height.get_untracked()).abs() > 0.5 {
            row_height.set(height);
        }
        let first = (f64::from(target.scroll_top()) / height).max(0.0) as u64;
        let last = first + (f64::from(target.client_height()) / height).ceil() as u64;
        if let Some(offset) = window.moved(first, last) {
            on_move.run(offset);
        }
    };
    let spacer = move |rows: u64| {
        view! {
            <tr class="spacer" aria-hidden="true">
                <td colspan=count>
                    <svg width="1" height=live(move || fixed(if is_live.get() { rows as f64 * row_height.get() } else { 0.0 }, 1))></svg>
                </td>
            </tr>
        }
    };
    let is_long = window.rows < window.total;
    view! {
        <div
            class=if is_long { "table-box table-window" } else { "table-box" }
            tabindex="0"
            role="region"
            aria-label=label
            node_ref=scrolled
            on:scroll=scroll
        >
            <table class="table table-cards" role="table" aria-rowcount=window.total + 1>
                <caption class="vh">{caption}</caption>
                {heads(columns)}
                <tbody role="rowgroup">
                    {spacer(before)}
                    {children()}
                    {spacer(after)}
                </tbody>
            </table>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Window = Window { offset: 1000, rows: 100, total: 20_000 };

    #[test]
    fn the_window_stays_while_its_rows_are_in_view() {
        assert_eq!(LONG.moved(1010, 1030), None);
        assert_eq!(LONG.outside(), (1000, 18_900));
    }

    #[test]
    fn the_window_follows_the_rows_in_view() {
        assert_eq!(LONG.moved(5000, 5020), Some(4950));
        assert_eq!(LONG.moved(1090, 1110), Some(1050));
        assert_eq!(LONG.moved(19_980, 20_000), Some(19_900));
        assert_eq!(LONG.moved(0, 20), Some(0));
    }

    #[test]
    fn the_ends_of_the_list_do_not_move_the_window() {
        assert_eq!(Window { offset: 0, ..LONG }.moved(0, 20), None);
        assert_eq!(Window { offset: 19_900, ..LONG }.moved(19_980, 20_000), None);
        assert_eq!(Window { offset: 0, rows: 18, total: 18 }.moved(0, 18), None);
    }
}
