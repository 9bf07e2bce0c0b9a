//! Removes what identifies a user from text. Equal values get equal placeholders, so that relations stay visible. Pure.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// How much is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Names, IDs and addresses.
    All,
    /// Addresses only.
    Addresses,
    /// Nothing.
    None,
}

/// The text is not the name of a level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the level of redaction must be 'all', 'addresses' or 'none'")]
pub struct UnknownLevel;

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            "addresses" => Ok(Self::Addresses),
            "none" => Ok(Self::None),
            _ => Err(UnknownLevel),
        }
    }
}

/// Placeholders by value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redactor {
    names: Vec<(String, &'static str)>,
    addresses: BTreeMap<IpAddr, usize>,
}

impl Redactor {
    /// Removes `value`, too. Values of less than three characters would match parts of words.
    pub(crate) fn and(mut self, value: Option<&str>, placeholder: &'static str) -> Self {
        if let Some(value) = value.filter(|value| value.chars().count() > 2) {
            self.names.push((value.to_owned(), placeholder));
        }
        self
    }

    pub(crate) fn apply(&mut self, text: &str, level: Level) -> String {
        let named = match level {
            Level::None => return text.to_owned(),
            Level::Addresses => text.to_owned(),
            Level::All => {
                self.names.iter().fold(text.to_owned(), |text, (value, name)| text.replace(value.as_str(), name))
            }
        };
        let is_part = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
        let mut out = String::with_capacity(named.len());
        let mut rest = named.as_str();
        while let Some(start) = rest.find(is_part) {
            let (before, from) = rest.split_at(start);
            let (token, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
            out.push_str(before);
            // `::c` of a path of modules is no address.
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let is_inside = out.chars().next_back().is_some_and(is_word) || after.chars().next().is_some_and(is_word);
            out.push_str(&if is_inside { token.to_owned() } else { self.token(token) });
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn token(&mut self, token: &str) -> String {
        // A sentence may end after an address.
        for core in [token, token.trim_end_matches(['.', ':'])] {
            let end = token.get(core.len()..).unwrap_or_default();
            if let Ok(address) = core.parse() {
                return format!("{}{end}", self.address(address));
            }
            if let Ok(at) = core.parse::<SocketAddr>() {
                return format!("{}:{}{end}", self.address(at.ip()), at.port());
            }
        }
        token.to_owned()
    }

    fn address(&mut self, address: IpAddr) -> String {
        if address.is_loopback() || address.is_unspecified() {
            return address.to_string();
        }
        let next = self.addresses.len() + 1;
        let number = *self.addresses.entry(address).or_insert(next);
        format!("<address-{number}>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_modules_is_no_address() {
        let text = "tornado_helper::connection::policy, std::fs at ::c";
        assert_eq!(
            Redactor::default().apply(text, Level::All),
            "tornado_helper::connection::policy, std::fs at <address-1>"
        );
    }

    #[test]
    fn equal_values_get_equal_placeholders() {
        let mut redactor = Redactor::default().and(Some("vpn.example.org"), "<server>").and(Some("ann"), "<user>");
        let text = "2026-11-28T08:44:22.432Z ann at vpn.example.org: 192.0.2.7:51820, [2001:db8::1]:443 and 192.0.2.7. \
                    127.0.0.1 ::1 ff02::1 aa:bb:cc:dd:ee:ff 10.8.0.0/16 fd00::/8 version 0.1.0";
        assert_eq!(
            redactor.apply(text, Level::All),
            "2026-11-28T08:44:22.432Z <user> at <server>: <address-1>:51820, [<address-2>]:443 and <address-1>. \
             127.0.0.1 ::1 <address-3> aa:bb:cc:dd:ee:ff <address-4>/16 <address-5>/8 version 0.1.0"
        );
        let addresses = redactor.apply(text, Level::Addresses);
        assert!(addresses.contains("ann at vpn.example.org: <address-1>"), "{addresses}");
        assert_eq!(redactor.apply(text, Level::None), text);
    }
}
