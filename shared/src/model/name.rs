//! Names that people type.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Wrong number of characters.
    #[error("must be {min} to {max} characters long")]
    Length {
        /// Fewest characters allowed.
        min: usize,
        /// Most characters allowed.
        max: usize,
    },
    /// A character outside the alphabet.
    #[error("may hold only {0}")]
    Alphabet(&'static str),
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                $check(s).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(s: String) -> Result<Self, Self::Error> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

name!(
    /// An account's name: 3 to 50 of `a-z 0-9 . _ -`, starting with a letter or digit. Upper case is
    /// folded, so two accounts never differ by case alone, and a name never looks like an e-mail address.
    Username,
    check_username
);
name!(
    /// What a user calls a machine: 1 to 64 printable characters without control characters.
    DeviceName,
    check_device_name
);

fn check_username(s: &str) -> Result<String, NameError> {
    let s = s.trim().to_ascii_lowercase();
    if !(3..=50).contains(&s.len()) {
        return Err(NameError::Length { min: 3, max: 50 });
    }
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    let first = s.as_bytes().first().copied().unwrap_or_default();
    if !s.bytes().all(inner) || !first.is_ascii_alphanumeric() {
        return Err(NameError::Alphabet("a-z, 0-9, '.', '_' and '-', starting with a letter or digit"));
    }
    Ok(s)
}

fn check_device_name(s: &str) -> Result<String, NameError> {
    let s = s.trim();
    if !(1..=64).contains(&s.chars().count()) {
        return Err(NameError::Length { min: 1, max: 64 });
    }
    if s.chars().any(char::is_control) {
        return Err(NameError::Alphabet("printable characters"));
    }
    Ok(s.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_fold_case_and_refuse_addresses() {
        assert_eq!("Alice".parse::<Username>().unwrap().as_str(), "alice");
        assert!("a@b.example".parse::<Username>().is_err());
        assert!("ab".parse::<Username>().is_err());
        assert!("-abc".parse::<Username>().is_err());
        assert!("a b c".parse::<Username>().is_err());
    }

    #[test]
    fn device_names_refuse_control_characters() {
        assert!("lap\ntop".parse::<DeviceName>().is_err());
        assert!("Łukasz's laptop".parse::<DeviceName>().is_ok());
    }
}
