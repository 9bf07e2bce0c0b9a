//! Relays as Tor's directory lists them: the lines of `GETINFO ns/…` (dir-spec §3.4.1).

use data_encoding::{BASE64_NOPAD, HEXUPPER};
use std::net::{IpAddr, Ipv4Addr};
use tornado_contracts::tor::{Exit, ExitCountry};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relay {
    /// 40 hexadecimal digits, upper case.
    pub(crate) fingerprint: String,
    pub(crate) nickname: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) flags: Vec<String>,
    pub(crate) bandwidth: u64,
}

impl Relay {
    /// Returns true for a running relay that may be used as an exit.
    pub(crate) fn is_exit(&self) -> bool {
        let has = |flag: &str| self.flags.iter().any(|f| f == flag);
        has("Exit") && has("Running") && !has("BadExit")
    }
}

/// Parses all relays in a text. Malformed entries are skipped.
pub(crate) fn relays(text: &str) -> Vec<Relay> {
    let mut relays: Vec<Relay> = Vec::new();
    let mut is_complete = false;
    for line in text.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (kind, relays.last_mut()) {
            ("r", _) => {
                let found = relay(rest);
                is_complete = found.is_some();
                relays.extend(found);
            }
            ("s", Some(relay)) if is_complete => {
                relay.flags = rest.split(' ').filter(|f| !f.is_empty()).map(str::to_owned).take(32).collect();
            }
            ("w", Some(relay)) if is_complete => {
                let value = rest.split(' ').find_map(|word| word.strip_prefix("Bandwidth="));
                relay.bandwidth = value.and_then(|v| v.parse().ok()).unwrap_or(0);
            }
            (_, _) => {}
        }
    }
    relays
}

/// Parses `NICKNAME IDENTITY DIGEST DATE TIME IP ORPORT DIRPORT`.
fn relay(rest: &str) -> Option<Relay> {
    let words: Vec<&str> = rest.split(' ').collect();
    let identity = BASE64_NOPAD.decode(words.get(1)?.as_bytes()).ok().filter(|bytes| bytes.len() == 20)?;
    Some(Relay {
        fingerprint: HEXUPPER.encode(&identity),
        nickname: words.first()?.chars().take(19).collect(),
        address: words.get(5)?.parse().ok()?,
        flags: Vec::new(),
        bandwidth: 0,
    })
}

/// Converts a relay to an available exit.
pub(crate) fn exit(relay: Relay, country: Option<String>) -> Exit {
    Exit {
        fingerprint: relay.fingerprint,
        nickname: relay.nickname,
        address: Some(IpAddr::V4(relay.address)),
        country,
        bandwidth: relay.bandwidth,
    }
}

/// Parses a value of `ip-to-country`. `??` means unknown.
pub(crate) fn country(value: &str) -> Option<String> {
    let is_code = value.len() == 2 && value.bytes().all(|b| b.is_ascii_alphabetic());
    is_code.then(|| value.to_ascii_lowercase())
}

/// Sums up the exits of each country, ordered by bandwidth, highest first.
pub(crate) fn countries(exits: &[Exit]) -> Vec<ExitCountry> {
    let mut countries: Vec<ExitCountry> = Vec::new();
    for exit in exits {
        let code = exit.country.as_deref().unwrap_or("??");
        match countries.iter_mut().find(|c| c.country == code) {
            Some(country) => {
                country.exits += 1;
                country.bandwidth = country.bandwidth.saturating_add(exit.bandwidth);
            }
            None => countries.push(ExitCountry { country: code.to_owned(), exits: 1, bandwidth: exit.bandwidth }),
        }
    }
    countries.sort_by(|a, b| b.bandwidth.cmp(&a.bandwidth).then_with(|| a.country.cmp(&b.country)));
    countries
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "r e1 AAAAAAAAAAAAAAAAAAAAAAAAAAE digest 2026-11-23 08:00:00 10.77.0.51 9001 0\n\
        s Exit Fast Running Valid\nw Bandwidth=70\n\
        r broken !! d 2026 08 10.0.0.1 1 0\ns Exit Running\nw Bandwidth=9\n\
        r r1 AAAAAAAAAAAAAAAAAAAAAAAAAAI digest 2026-11-23 08:00:00 10.77.0.31 9001 0\ns Fast Running\n";

    #[test]
    fn relays_are_parsed_and_exits_are_summed() {
        let relays = relays(TEXT);
        assert_eq!(relays.len(), 2);
        assert_eq!(relays[0].fingerprint, format!("{}1", "0".repeat(39)));
        assert_eq!((relays[0].is_exit(), relays[0].bandwidth), (true, 70));
        assert!(!relays[1].is_exit() && relays[1].bandwidth == 0);
        assert_eq!(country("DE").as_deref(), Some("de"));
        assert_eq!(country("??"), None);
        let exits = vec![
            exit(relays[0].clone(), Some("de".into())),
            exit(relays[0].clone(), None),
            exit(relays[0].clone(), Some("de".into())),
        ];
        let countries = countries(&exits);
        assert_eq!((countries[0].country.as_str(), countries[0].exits, countries[0].bandwidth), ("de", 2, 140));
        assert_eq!(countries[1].country, "??");
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in "([rswx] [ -~é]{0,60}\n){0,8}") {
            drop(relays(&text));
        }
    }
}
