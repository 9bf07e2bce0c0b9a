//! Removes secrets from log lines: tokens, passwords, keys and invitation codes at every level; addresses and
//! destinations at INFO and above. Loopback addresses and networks remain.
//!
//! Names in text, such as a visited domain in an error of a library, have no form that distinguishes them; a field that
//! holds one must have a name of [`DESTINATIONS`].

use crate::line::{Level, Line, Value};
use std::net::{IpAddr, SocketAddr};

const REDACTED: &str = "[redacted]";

/// Parts of field names whose values are secret.
const SECRETS: &[&str] = &[
    "token",
    "password",
    "passphrase",
    "passwd",
    "secret",
    "psk",
    "preshared",
    "key",
    "private",
    "authorization",
    "cookie",
    "invitation",
    "otp",
    "totp",
    "bearer",
    "credential",
    "credentials",
];
/// Parts of field names whose values name a destination.
const DESTINATIONS: &[&str] =
    &["destination", "dest", "dst", "host", "hostname", "domain", "qname", "sni", "url", "uri", "query"];

/// Redacts the line in place.
pub fn redact(line: &mut Line) {
    let level = line.level;
    line.message = redact_text(&line.message, level);
    for (name, value) in &mut line.fields {
        redact_field(name, value, level);
    }
}

fn redact_field(name: &str, value: &mut Value, level: Level) {
    let is_one_time = parts(name).any(|part| part == "otp" || part == "totp");
    match value {
        Value::Text(text) if is_secret(name) || (is_public(level) && names_destination(name)) => {
            REDACTED.clone_into(text);
        }
        Value::Text(text) => *text = redact_text(text, level),
        Value::Int(_) | Value::Real(_) if is_one_time => *value = Value::Text(REDACTED.into()),
        Value::Int(_) | Value::Real(_) | Value::Bool(_) => {}
    }
}

/// True above DEBUG.
fn is_public(level: Level) -> bool {
    level <= Level::Info
}

fn parts(name: &str) -> impl Iterator<Item = String> {
    name.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase)
}

fn is_secret(name: &str) -> bool {
    parts(name).any(|part| SECRETS.contains(&part.as_str()))
}

fn names_destination(name: &str) -> bool {
    parts(name).any(|part| DESTINATIONS.contains(&part.as_str()))
}

/// Redacts free text word by word. After a secret's name with `:` or `=`, the rest of the text is removed, because a
/// password may contain any character.
#[must_use]
pub fn redact_text(text: &str, level: Level) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut follows_name, mut follows_bearer) = (text, false, false);
    while !rest.is_empty() {
        let begin = rest.find(is_word).unwrap_or(rest.len());
        let (gap, from_word) = rest.split_at(begin);
        out.push_str(gap);
        let end = from_word.find(|c| !is_word(c)).unwrap_or(from_word.len());
        let (word, after) = from_word.split_at(end);
        rest = after;
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let assigned =
            if bare.is_empty() { word.find([':', '=']).filter(|_| follows_name) } else { assigns_secret(word) };
        if let Some(separator) = assigned {
            out.extend(word.get(..=separator));
            out.push_str(REDACTED);
            return out;
        }
        let kind = if follows_bearer && !bare.is_empty() { Some("[token]") } else { classify(word, bare, level) };
        out.push_str(&kind.map_or_else(|| word.to_owned(), |kind| word.replacen(sensitive(word, bare), kind, 1)));
        if !word.is_empty() {
            follows_name = is_secret(bare) && !bare.contains(['.', '/']);
            follows_bearer = bare.eq_ignore_ascii_case("bearer");
        }
    }
    out
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '+' | '/' | '=' | '_' | '-' | '.' | ':' | '[' | ']' | '%' | '?' | '&' | '@')
}

/// The position of the separator in `password=x`, `password:` and `https://a/?token=x`.
fn assigns_secret(word: &str) -> Option<usize> {
    // A module path is not an assignment.
    let is_path = |at: usize| {
        word.get(..at).is_some_and(|before| before.ends_with(':'))
            || word.get(at..).is_some_and(|rest| rest.starts_with("::"))
    };
    let separators = word.match_indices([':', '=']).map(|(at, _)| at).filter(|at| !is_path(*at));
    let names =
        separators.map(|at| (at, word.get(..at).and_then(|before| before.rsplit([':', '=', '?', '&', '/']).next())));
    names.filter(|(_, name)| name.is_some_and(is_secret)).map(|(at, _)| at).next()
}

/// The part of a word to replace: without brackets and punctuation around it, but with the padding of base64.
fn sensitive<'a>(word: &'a str, bare: &'a str) -> &'a str {
    let from = word.find(bare).unwrap_or_default();
    let padded = word.get(from..).unwrap_or(bare).trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '=');
    if padded.is_empty() { word } else { padded }
}

fn classify(word: &str, bare: &str, level: Level) -> Option<&'static str> {
    if word.contains("tornado://") {
        return Some("[invitation]");
    }
    // A value may follow an ordinary name, as in `peer=…`.
    let bare_parts = word.split('=').map(|part| part.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    std::iter::once(bare).chain(bare_parts).find_map(secret_kind).or_else(|| {
        let is_address = || is_address(word, bare) || word.split('=').any(|part| is_address(part, part));
        (is_public(level) && is_address()).then_some("[address]")
    })
}

fn secret_kind(bare: &str) -> Option<&'static str> {
    if is_token(bare) {
        return Some("[token]");
    }
    if is_key(bare) {
        return Some("[key]");
    }
    let is_code = bare.len() == 20 && bare.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'9').contains(&b));
    is_code.then_some("[code]")
}

/// A JSON Web Token, or its header and claims.
fn is_token(bare: &str) -> bool {
    bare.starts_with("eyJ") && bare.len() > 20
}

/// 32 bytes in base64 or hex, or any long text of mixed characters.
fn is_key(bare: &str) -> bool {
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/-_".contains(&b);
    let is_hex = bare.len() == 64 && bare.bytes().all(|b| b.is_ascii_hexdigit());
    let has = |class: fn(&u8) -> bool| bare.as_bytes().iter().any(class);
    let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    // Punctuation at the ends of base64 is cut off.
    is_hex || (bare.len() >= 32 && bare.bytes().all(is_base64) && is_mixed)
}

fn is_address(word: &str, bare: &str) -> bool {
    let trimmed = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, ':' | '[' | ']'));
    let of = |text: &str| {
        let (text, length) = text.split_once('/').map_or((text, None), |(text, length)| (text, Some(length)));
        let inner = text.trim_start_matches('[').trim_end_matches(']');
        let inner = inner.split('%').next().unwrap_or_default();
        let address = inner.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip())).ok()?;
        let is_network = length.is_some_and(|length| length != "32" && length != "128");
        Some(!address.is_loopback() && !address.is_unspecified() && !is_network)
    };
    [word, trimmed, trimmed.trim_end_matches(':'), bare].into_iter().find_map(of).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
    const KEY: &str = "mFr/0qGdXoRHxUq1lJp2f3cYt0a5b6C7d8E9f0A1B2c=";

    #[test]
    fn secrets_are_removed_from_text_at_every_level() {
        for secret in
            [JWT, KEY, "ABCDEFGH23456789ABCD", "hunter22", "tornado://vpn.example.org/?i=abc&c=DEF", &"ab".repeat(32)]
        {
            for text in [
                format!("password={secret}"),
                format!("GET https://example.org/a?x=1&token={secret}"),
                format!("cannot read {{\"password\":\"{secret}\"}}"),
                format!("the token: {secret} is stale"),
                format!("Authorization: Bearer {secret}"),
                format!("bearer {secret}"),
            ] {
                for level in Level::ALL {
                    let out = redact_text(&text, level);
                    assert!(!out.contains(secret), "{text} became {out}");
                }
            }
        }
        for secret in [
            JWT,
            KEY,
            KEY.trim_end_matches('='),
            "ABCDEFGH23456789ABCD",
            "tornado://v.example/?c=DEF",
            &"ab".repeat(32),
        ] {
            for text in [format!("got {secret}."), format!("({secret})"), format!("peer={secret},"), secret.to_owned()]
            {
                let out = redact_text(&text, Level::Trace);
                assert!(!out.contains(secret.trim_end_matches('=')), "{text} became {out}");
            }
        }
    }

    #[test]
    fn addresses_are_removed_above_debug_only() {
        for (text, address) in [
            ("from 192.0.2.7:51820.", "192.0.2.7"),
            ("[2001:db8::7]:443 refused", "2001:db8::7"),
            ("peer 2001:db8::7: gone", "2001:db8::7"),
            ("src=10.8.0.2", "10.8.0.2"),
            ("allowed 10.8.0.2/32", "10.8.0.2"),
            ("fe80::1%eth0", "fe80::1"),
        ] {
            for level in [Level::Error, Level::Warn, Level::Info] {
                let out = redact_text(text, level);
                assert!(!out.contains(address), "{text} became {out}");
            }
            assert_eq!(redact_text(text, Level::Debug), text);
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in [
            "listens on 127.0.0.1:4605 and [::1]:4605",
            "pool 10.8.0.0/16 in tornado_wg::peers: 3 keys, version 1.2.3",
            "password check failed; the key has changed",
            "01234567-89ab-4def-8123-456789abcdef closed at 15:20:38",
            "cannot open /var/lib/tornado/session/sessions.db: no space left on device (os error 28)",
            "tornado_auth::keys::rotation",
        ] {
            assert_eq!(redact_text(text, Level::Info), text);
        }
    }

    #[test]
    fn fields_are_redacted_by_name_and_by_content() {
        let text = |text: &str| Value::Text(text.into());
        for (name, value, level, expected) in [
            ("password", text("x"), Level::Trace, text(REDACTED)),
            ("access_token", text("x"), Level::Trace, text(REDACTED)),
            ("totp", Value::Int(123_456), Level::Trace, text(REDACTED)),
            ("tokens", Value::Int(3), Level::Info, Value::Int(3)),
            ("status", Value::Int(404), Level::Info, Value::Int(404)),
            ("host", text("example.org"), Level::Info, text(REDACTED)),
            ("host", text("example.org"), Level::Debug, text("example.org")),
            ("peer", text(KEY), Level::Debug, text("[key]")),
            ("client", text("192.0.2.7"), Level::Info, text("[address]")),
            ("lane", text("tor"), Level::Info, text("tor")),
        ] {
            let mut out = value.clone();
            redact_field(name, &mut out, level);
            assert_eq!(out, expected, "{name} {value:?}");
        }
    }
}
