//! Arguments of the commands about people, keys and the audit trail.

use clap::Subcommand;
use tornado_contracts::auth::operators::OperatorRole;
use tornado_shared::model::{DeviceId, DeviceName, Lane, Username};

/// `tornadod user …`
#[derive(Debug, Subcommand)]
pub enum User {
    /// Make an account with a password. To have people choose their own, use `tornadod invite create`.
    Add {
        /// 3 to 50 of a-z, 0-9, '.', '_', '-'.
        name: Username,
        /// E-mail address; may be used to log in.
        #[arg(long)]
        email: Option<String>,
        /// Devices that may be connected at once.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10))]
        devices: u32,
        /// Read the password from standard input instead of asking.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Show accounts.
    List {
        /// Only names and addresses that hold this.
        #[arg(default_value = "")]
        search: String,
        /// Only suspended accounts.
        #[arg(long)]
        suspended: bool,
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Show one account and its devices.
    Show {
        /// Name, e-mail address or number.
        user: String,
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Change an account.
    Set {
        /// Name, e-mail address or number.
        user: String,
        /// A new name.
        #[arg(long)]
        name: Option<Username>,
        /// A new e-mail address; '' for none.
        #[arg(long)]
        email: Option<String>,
        /// Devices that may be connected at once; the newest sessions that are too many end.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10))]
        devices: Option<u32>,
        /// Bytes a calendar month (UTC), both ways and lanes together: 500mb, 200gb, 2tb; `none` for no limit. Heeded
        /// from the next connect of any of its devices on.
        #[arg(long, value_parser = parse_quota)]
        quota: Option<u64>,
        /// Speed to all of its devices together, on both lanes: 500kbit, 20mbit, 1gbit; `none` for no limit. Heeded within
        /// seconds, as the two that follow.
        #[arg(long, value_parser = parse_rate)]
        download: Option<u64>,
        /// Speed from all of its devices together.
        #[arg(long, value_parser = parse_rate)]
        upload: Option<u64>,
        /// `yes`: its devices may reach each other on the direct lane. `no`, as for most: they may not.
        #[arg(long, value_parser = parse_yes)]
        together: Option<bool>,
        /// Take the second factor away, for somebody who lost it.
        #[arg(long)]
        forget_totp: bool,
    },
    /// Suspend an account: every login and tunnel ends at once.
    Suspend {
        /// Name, e-mail address or number.
        user: String,
    },
    /// Let a suspended account in again.
    Reactivate {
        /// Name, e-mail address or number.
        user: String,
    },
    /// Delete an account: every login and tunnel ends at once, the name is free again, the history stays.
    Delete {
        /// Name, e-mail address or number.
        user: String,
    },
    /// Set an account's password: every login and tunnel ends at once.
    Password {
        /// Name, e-mail address or number.
        user: String,
        /// Read the password from standard input instead of asking.
        #[arg(long)]
        password_stdin: bool,
    },
    /// End every login and tunnel of an account; it may log in again.
    Revoke {
        /// Name, e-mail address or number.
        user: String,
    },
}

/// `tornadod device …`
#[derive(Debug, Subcommand)]
pub enum Device {
    /// Show an account's devices.
    List {
        /// Name, e-mail address or number of the account.
        user: String,
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Make a device that is an ordinary WireGuard app for somebody who need not log in. It takes one of the account's
    /// places until it is removed. The private key is in what is printed and nowhere else.
    Export {
        /// Name, e-mail address or number of the account.
        user: String,
        /// What to call the device.
        #[arg(long, default_value = "wireguard")]
        name: DeviceName,
        /// `direct`: out by the server. `tor`: everything through Tor.
        #[arg(long, default_value = "direct")]
        lane: Lane,
        /// Print the configuration, as wg-quick(8) reads it.
        #[arg(long, required_unless_present_any = ["qr", "json"], conflicts_with = "qr")]
        conf: bool,
        /// Print it as a QR code for a phone's camera.
        #[arg(long, conflicts_with = "json")]
        qr: bool,
        /// Machine-readable: `device_id`, `device_name`, `lane`, `config`.
        #[arg(long)]
        json: bool,
    },
    /// Remove a device: its login and tunnel end at once.
    Remove {
        /// The device, as `tornadod device list` shows it.
        device_id: DeviceId,
    },
}

/// `tornadod operator …`
#[derive(Debug, Subcommand)]
pub enum Operator {
    /// Make an operator, or set an operator's password; a new password ends all sign-ins.
    Add {
        /// 3 to 50 of a-z, 0-9, '.', '_', '-'.
        name: Username,
        /// owner, operator or viewer; owner for a new operator.
        #[arg(long)]
        role: Option<OperatorRole>,
        /// Read the password from standard input instead of asking.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change an operator without a new password.
    Set {
        /// The name.
        name: Username,
        /// owner, operator or viewer.
        #[arg(long)]
        role: Option<OperatorRole>,
        /// Take the second factor away, for somebody who lost it.
        #[arg(long)]
        forget_totp: bool,
    },
    /// Show operators.
    List {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Remove an operator; all sign-ins end. The last owner stays.
    Remove {
        /// The name.
        name: Username,
    },
}

/// `tornadod audit …`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Show rows, newest first.
    List {
        /// Only acts that begin so, for example 'user.' or 'keys.rotate'.
        #[arg(long)]
        action: Option<String>,
        /// Only acts of this actor, for example 'root' or 'operator:ann'.
        #[arg(long)]
        actor: Option<String>,
        /// Only rows before this number.
        #[arg(long)]
        before: Option<i64>,
        /// Rows.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Check every row and the signed word about the newest; exit code 1 when the trail is broken.
    Verify {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
}

/// `tornadod keys …`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Show every key's age and phase and when the next rotation is.
    Status {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Make new signing and login keys now. Nobody is logged out.
    Rotate,
    /// Read all key files again and try each key; exit code 1 when something is wrong.
    Check {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
}

/// Bits a second in units of powers of ten, as bytes a second; `none` is 0.
fn parse_rate(text: &str) -> Result<u64, String> {
    let bits = amount(text, [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000)]);
    bits.map(|bits| bits / 8).ok_or_else(|| format!("'{text}' is no speed; write 500kbit, 20mbit, 1gbit or none"))
}

fn parse_yes(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("write yes or no".to_owned()),
    }
}

/// Bytes in units of powers of ten; `none` is 0.
fn parse_quota(text: &str) -> Result<u64, String> {
    let bytes = amount(text, [("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000)]);
    let bytes = bytes.filter(|bytes| *bytes <= 1_000_000_000_000_000);
    bytes.ok_or_else(|| format!("'{text}' is no amount; write 500mb, 200gb, 2tb or none"))
}

/// A whole number of one of these units, not 0; `none` is 0.
fn amount(text: &str, units: [(&str, u64); 3]) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    if lower == "none" {
        return Some(0);
    }
    let (number, unit) = lower.split_at(lower.find(|c: char| !c.is_ascii_digit())?);
    let (_, factor) = units.into_iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|amount| *amount > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(parse_rate("20mbit"), Ok(2_500_000));
        assert_eq!(parse_rate("500Kbit"), Ok(62_500));
        assert_eq!(parse_rate("none"), Ok(0));
        for bad in ["", "mbit", "0mbit", "5", "1.5mbit", "20mb", "99999999999gbit"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quotas() {
        assert_eq!(parse_quota("200gb"), Ok(200_000_000_000));
        assert_eq!(parse_quota("1TB"), Ok(1_000_000_000_000));
        assert_eq!(parse_quota("none"), Ok(0));
        for bad in ["", "gb", "0gb", "5", "1.5gb", "-1gb", "99999999tb", "1\u{fc}"] {
            assert!(parse_quota(bad).is_err(), "{bad}");
        }
    }
}
