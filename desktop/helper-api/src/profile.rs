//! Server profiles: the accounts that this device can use, one at a time.

use crate::model::Enroll;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Maximum number of characters of a name.
const MAX: usize = 32;

/// Name of a profile: 1 to 32 characters, each a-z, 0-9 or '-'.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProfileName(String);

/// The text is not the name of a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a profile's name must have 1 to {MAX} characters, each a-z, 0-9 or '-'")]
pub struct NotProfileName;

impl ProfileName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of the profile of a device that was enrolled without one.
impl Default for ProfileName {
    fn default() -> Self {
        Self("default".into())
    }
}

impl FromStr for ProfileName {
    type Err = NotProfileName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_name = (1..=MAX).contains(&text.len()) && text.bytes().all(fits);
        if is_name { Ok(Self(text.to_owned())) } else { Err(NotProfileName) }
    }
}

impl TryFrom<String> for ProfileName {
    type Error = NotProfileName;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ProfileName> for String {
    fn from(name: ProfileName) -> Self {
        name.0
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Input of `add_profile`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddProfile {
    /// Name of the new profile.
    pub name: ProfileName,
    /// The invitation and the account.
    pub enroll: Enroll,
}

/// Input of `use_profile` and `remove_profile`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectProfile {
    /// Name of an existing profile.
    pub name: ProfileName,
}

/// Input of `rename_profile`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenameProfile {
    /// Name of an existing profile.
    pub name: ProfileName,
    /// Its new name, which no other profile has.
    pub new_name: ProfileName,
}

/// One profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its name.
    pub name: ProfileName,
    /// Address of the server's device API, `host:port`.
    pub server: String,
    /// Name of the account.
    pub user: String,
    /// True if the helper has tokens of the account.
    pub logged_in: bool,
    /// True for the profile that `connect` uses.
    pub in_use: bool,
}

/// The profiles of this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profiles {
    /// Sorted by name.
    pub profiles: Vec<Profile>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_a_path() {
        for name in ["", ".", "..", "a/b", "A", "a b", "a.json", "\u{e4}", &"x".repeat(33)] {
            assert_eq!(name.parse::<ProfileName>(), Err(NotProfileName), "{name:?}");
            assert!(serde_json::from_value::<ProfileName>(name.into()).is_err(), "{name:?}");
        }
        assert_eq!("work-2".parse::<ProfileName>().unwrap().as_str(), "work-2");
    }
}
