//! Ranges and formats of account fields. Pure.

use tornado_contracts::MAX_RATE;
use tornado_contracts::auth::AuthError;
use tornado_rpc::Fault;
use tornado_shared::model::{UserId, text};

const MAX_DEVICES: u32 = 10;
const MAX_EMAIL: usize = 254;
/// Lowest and highest rate, bytes per second: 64 kbit/s, below which web pages do not load, and 100 Gbit/s.
const RATES: std::ops::RangeInclusive<u64> = 8_000..=MAX_RATE;

/// 0 removes the limit.
pub fn check_rate(rate: u64) -> Result<Option<u64>, AuthError> {
    match rate {
        0 => Ok(None),
        rate if RATES.contains(&rate) => Ok(Some(rate)),
        _ => Err(Fault::Malformed("a rate must be 64 kbit/s to 100 Gbit/s".into()).into()),
    }
}

/// The account as the subject of an audit row.
pub fn subject(user: UserId) -> String {
    format!("user:{user}")
}

/// Checks the maximum number of devices connected at once.
pub fn check_devices(max: u32) -> Result<(), AuthError> {
    if (1..=MAX_DEVICES).contains(&max) {
        return Ok(());
    }
    Err(AuthError::InvalidFields(format!("max_devices must be 1 to {MAX_DEVICES}")))
}

/// An empty text removes the address. It is only displayed and typed at login, so its format is checked loosely.
pub fn check_email(typed: &str) -> Result<Option<String>, AuthError> {
    if typed.len() > 4 * MAX_EMAIL {
        return Err(AuthError::InvalidFields("this is not a valid e-mail address".into()));
    }
    let folded = text::folded(typed);
    if folded.is_empty() {
        return Ok(None);
    }
    let sound = folded.len() <= MAX_EMAIL
        && folded
            .split_once('@')
            .is_some_and(|(local, host)| !local.is_empty() && host.contains('.') && !host.contains('@'))
        && !folded.chars().any(|character| !text::is_visible(character) || character.is_whitespace());
    if sound { Ok(Some(folded)) } else { Err(AuthError::InvalidFields("this is not a valid e-mail address".into())) }
}
