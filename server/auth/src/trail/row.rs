//! Limits of a row that another service appends. Pure.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

const MAX_WORD: usize = 64;
const MAX_ACTOR: usize = 128;
const MAX_SUBJECT: usize = 128;
const MAX_DETAILS: usize = 16;
const MAX_DETAILS_BYTES: usize = 1024;

/// Checks names, lengths and that no text contains an address.
pub fn check(actor: &str, action: &str, subject: &str, details: &BTreeMap<String, String>) -> Result<(), String> {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let two_words = action.split_once('.').is_some_and(|(area, what)| word(area) && word(what));
    if !two_words || action.len() > MAX_WORD {
        return Err("action must be two words of a-z, 0-9 and _ separated by a dot".into());
    }
    let plain = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.chars().all(tornado_shared::model::text::is_visible)
    };
    if !plain(actor, MAX_ACTOR) || !plain(subject, MAX_SUBJECT) {
        return Err(format!("actor and subject must be 1 to {MAX_SUBJECT} printable characters"));
    }
    let bytes: usize = details.iter().map(|(name, value)| name.len() + value.len()).sum();
    if details.len() > MAX_DETAILS || bytes > MAX_DETAILS_BYTES || !details.keys().all(|name| word(name)) {
        return Err(format!(
            "details must be at most {MAX_DETAILS} entries and {MAX_DETAILS_BYTES} bytes, with names of a-z, 0-9, _"
        ));
    }
    let texts = details.values().map(String::as_str).chain([subject, actor]);
    let holds_address = texts.flat_map(|text| text.split([' ', ',', ';', '=', '/'])).any(is_address);
    if holds_address { Err("the audit trail must not contain addresses".into()) } else { Ok(()) }
}

fn is_address(word: &str) -> bool {
    let is = |word: &str| word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok();
    is(word) || is(word.trim_matches(['[', ']', '(', ')', '"']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(details: &[(&str, &str)]) -> Result<(), String> {
        let details = details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        check("service:wg", "lane.canary_failed", "lane:tor", &details)
    }

    #[test]
    fn rows_contain_no_addresses() {
        assert_eq!(with(&[("probe", "dns"), ("after_seconds", "30")]), Ok(()));
        for address in
            ["192.0.2.1", "peer 192.0.2.1:51820", "2001:db8::1", "from=[2001:db8::1]:4605", "net 10.8.0.2/32"]
        {
            assert!(with(&[("text", address)]).is_err(), "{address}");
        }
    }

    #[test]
    fn rows_have_limits_and_printable_text() {
        assert!(check("root", "nothing", "x", &BTreeMap::new()).is_err());
        assert!(check("root", "a.b", "line\nbreak", &BTreeMap::new()).is_err());
        assert!(check("root", "a.b", "", &BTreeMap::new()).is_err());
        assert!(with(&[("text", &"x".repeat(2000))]).is_err());
        assert!(with(&[("Text", "x")]).is_err());
    }
}
