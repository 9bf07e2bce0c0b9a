//! Country codes.

use std::fmt;
use std::str::FromStr;

/// A country by its ISO 3166-1 code: two ASCII letters, in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CountryCode([u8; 2]);

/// The text does not consist of two letters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a country code must have two letters, such as 'de'")]
pub struct NotCountry;

impl CountryCode {
    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Letters only, by construction.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for CountryCode {
    type Err = NotCountry;
    fn from_str(text: &str) -> Result<Self, NotCountry> {
        let letters: [u8; 2] = text.as_bytes().try_into().map_err(|_| NotCountry)?;
        let is_code = letters.iter().all(u8::is_ascii_alphabetic);
        if is_code { Ok(Self(letters.map(|letter| letter.to_ascii_lowercase()))) } else { Err(NotCountry) }
    }
}

serde_as_text!(CountryCode);

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_two_letters_and_small() {
        assert_eq!("DE".parse::<CountryCode>().unwrap().to_string(), "de");
        assert_eq!(serde_json::to_string(&"nl".parse::<CountryCode>().unwrap()).unwrap(), "\"nl\"");
        for bad in ["", "d", "deu", "d1", "??", "d ", "é", "d\n", "{d"] {
            assert_eq!(bad.parse::<CountryCode>(), Err(NotCountry), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_two_small_letters(text in "\\PC{0,3}") {
            if let Ok(code) = text.parse::<CountryCode>() {
                prop_assert!(code.as_str().len() == 2 && code.as_str().bytes().all(|b| b.is_ascii_lowercase()));
            }
        }
    }
}
