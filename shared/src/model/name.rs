//! Names that people type.

use super::text;
use std::fmt;
use std::str::FromStr;

/// Reasons for which a name is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The number of characters is out of range.
    #[error("must be {min} to {max} characters long")]
    Length {
        /// Minimum number of characters.
        min: usize,
        /// Maximum number of characters.
        max: usize,
    },
    /// The name contains a character that is not allowed.
    #[error("may contain only {0}")]
    Alphabet(&'static str),
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
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

        serde_as_text!($name);

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
    /// An account name: 3 to 50 characters of `a-z 0-9 . _ -`, starting with a letter or digit. Upper case and
    /// full-width characters are folded, so accounts never differ by case alone, and a name never looks like an e-mail
    /// address.
    Username,
    check_username
);
name!(
    /// A device name: 1 to 64 visible characters and spaces, in NFC. It contains no line breaks, direction controls or
    /// hidden characters.
    DeviceName,
    check_device_name
);

fn check_username(s: &str) -> Result<String, NameError> {
    let s = text::folded(s);
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
    // Reject long input before normalising it.
    if s.len() > 4 * LONGEST_DEVICE_NAME + 64 {
        return Err(NameError::Length { min: 1, max: LONGEST_DEVICE_NAME });
    }
    let normal = text::normal(s.trim()).ok_or(NameError::Alphabet("visible characters and spaces"))?;
    let normal = normal.trim();
    if !(1..=LONGEST_DEVICE_NAME).contains(&normal.chars().count()) {
        return Err(NameError::Length { min: 1, max: LONGEST_DEVICE_NAME });
    }
    Ok(normal.to_owned())
}

impl DeviceName {
    /// Parses a name stored by an earlier version, which allowed invisible characters: those are replaced.
    #[must_use]
    pub fn from_stored(stored: &str) -> Self {
        if let Ok(name) = stored.parse() {
            return name;
        }
        let clean: String = text::shown_on_one_line(stored).chars().take(LONGEST_DEVICE_NAME).collect();
        clean.parse().unwrap_or_else(|_| Self("device".to_owned()))
    }
}

/// Maximum number of characters of a device name.
const LONGEST_DEVICE_NAME: usize = 64;

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
    fn device_names_refuse_what_cannot_be_seen() {
        for hidden in
            ["lap\ntop", "lap\u{202e}top", "lap\u{200b}top", "lap\u{2028}top", "\u{3164}", "\u{1b}[2J", " ", ""]
        {
            assert!(hidden.parse::<DeviceName>().is_err(), "{hidden:?}");
        }
        assert!("Łukasz's laptop 🥰".parse::<DeviceName>().is_ok());
        assert_eq!("  Zoe\u{308}'s\u{a0}phone ".parse::<DeviceName>().unwrap().as_str(), "Zo\u{eb}'s phone");
        assert!("x".repeat(65).parse::<DeviceName>().is_err() && "x".repeat(100_000).parse::<DeviceName>().is_err());
    }

    #[test]
    fn stored_names_are_always_names() {
        for stored in ["", "lap\ntop", "\u{202e}txt.exe", &"x".repeat(100), "   ", "Zoe\u{308}", &" ".repeat(90)] {
            let name = DeviceName::from_stored(stored);
            assert_eq!(name.as_str().parse::<DeviceName>(), Ok(name.clone()), "{stored:?}");
        }
        assert_eq!(DeviceName::from_stored("laptop").as_str(), "laptop");
        assert_eq!(DeviceName::from_stored("\u{2764}\u{fe0f} phone").as_str(), "\u{2764} phone");
        assert_eq!(DeviceName::from_stored("lap\ntop").as_str(), "lap\u{fffd}top");
    }
}
