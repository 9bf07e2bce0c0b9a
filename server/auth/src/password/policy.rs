//! The policy for new passwords and for imported hashes. Pure.

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use tornado_contracts::auth::AuthError;
use tornado_shared::model::{Secret, Username, text};

/// Longest password, bytes; bounds the server's work.
pub const MAX_BYTES: usize = 1024;
/// Shortest new password, characters.
pub const MIN_CHARS: usize = 10;

/// Reason for rejecting a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Too short.
    #[error("the password must have at least {MIN_CHARS} characters")]
    Short,
    /// Too long.
    #[error("the password may have at most {MAX_BYTES} bytes")]
    Long,
    /// Contains an invisible character, which the user may be unable to type again.
    #[error("the password contains an invisible character")]
    Invisible,
    /// Equals the account's name.
    #[error("the password must differ from the account's name")]
    Name,
}

impl From<PolicyError> for AuthError {
    fn from(error: PolicyError) -> Self {
        Self::InvalidFields(error.to_string())
    }
}

/// Checks a new password. Returns its normal form, which is the one to hash.
///
/// # Errors
/// The password violates the policy.
pub fn check_new(password: &Secret, name: &Username) -> Result<Secret, PolicyError> {
    if password.expose().len() > MAX_BYTES {
        return Err(PolicyError::Long);
    }
    let normal = text::normal(password.expose()).map(Secret::new).ok_or(PolicyError::Invisible)?;
    if normal.expose().chars().count() < MIN_CHARS {
        return Err(PolicyError::Short);
    }
    if text::folded(normal.expose()) == name.as_str() {
        return Err(PolicyError::Name);
    }
    Ok(normal)
}

/// Highest accepted cost of an imported hash: KiB (256 MiB) and passes. Each login with it costs as much.
pub(super) const DEAREST: (u32, u32) = (262_144, 16);

/// Checks an imported hash: Argon2id in PHC format, with an acceptable cost.
///
/// # Errors
/// The reason for rejecting it.
pub fn check_foreign(stored: &str) -> Result<(), &'static str> {
    let hash = PasswordHash::new(stored).map_err(|_| "not in PHC format")?;
    if hash.algorithm.as_str() != "argon2id" {
        return Err("not Argon2id");
    }
    let params = Params::try_from(&hash).map_err(|_| "invalid Argon2id parameters")?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err("salt or hash is missing");
    }
    let bearable = params.m_cost() <= DEAREST.0 && params.t_cost() <= DEAREST.1;
    if bearable { Ok(()) } else { Err("its cost is too high") }
}

/// The form to hash. `None`: the text has no normal form or is too long for a password.
pub(super) fn normal(typed: &Secret) -> Option<Secret> {
    if typed.expose().len() > MAX_BYTES { None } else { text::normal(typed.expose()).map(Secret::new) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_passwords_follow_the_policy() {
        let name: Username = "margaret-h".parse().unwrap();
        let check = |text: &str| check_new(&Secret::new(text), &name).map(drop);
        let normal = check_new(&Secret::new("Zoe\u{308}\u{a0}and a horse"), &name).unwrap();
        assert_eq!(normal.expose(), "Zo\u{eb} and a horse");
        assert_eq!(check("long enough\u{200b}"), Err(PolicyError::Invisible));
        assert_eq!(check("short pass"), Ok(()));
        assert_eq!(check("ÄÖÜäöüßéèê"), Ok(()));
        assert_eq!(check("ninechars"), Err(PolicyError::Short));
        assert_eq!(check("Margaret-H"), Err(PolicyError::Name));
        assert_eq!(check(&"x".repeat(1025)), Err(PolicyError::Long));
    }
}
