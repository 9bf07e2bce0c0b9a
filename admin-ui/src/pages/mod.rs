//! The pages: one file for each, which draws its model.

pub mod keys;
pub mod logs;
pub mod overview;
pub mod services;
pub mod sessions;
pub mod settings;
pub mod sign_in;
pub mod tor;
pub mod users;

use crate::texts::Texts;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// A parameter of the address; none if it is empty.
fn parameter(name: &'static str) -> Memo<Option<String>> {
    let query = use_query_map();
    Memo::new(move |_| query.with(|query| query.get(name).filter(|value| !value.is_empty())))
}

/// An address with parameters, those without value left out.
pub(crate) fn address(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut out = path.to_owned();
    for (name, value) in parameters {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        out.push(if out.contains('?') { '&' } else { '?' });
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
                other => out.push_str(&format!("%{other:02X}")),
            }
        }
    }
    out
}

/// The range of a list's part: positions if they are known, otherwise the number of rows.
fn range_of<T>(t: Texts, page: &crate::model::Page<T>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_encodes_its_values_and_leaves_out_empty_ones() {
        let parameters = [("text", Some("a&b ü")), ("state", None), ("lane", Some("")), ("sort", Some("-age"))];
        assert_eq!(address("/sessions", &parameters), "/sessions?text=a%26b%20%C3%BC&sort=-age");
        assert_eq!(address("/sessions", &[]), "/sessions");
    }
}
