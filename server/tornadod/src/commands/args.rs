//! Arguments of the commands for people, keys and the audit trail.

use clap::{Args, Subcommand};
use tornado_contracts::auth::operators::OperatorRole;
use tornado_shared::model::{DeviceId, DeviceName, Lane, Username};

/// The format of the output.
#[derive(Debug, Args)]
pub struct Format {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `tornadod user …`
#[derive(Debug, Subcommand)]
pub enum User {
    /// Create an account with a password. With `tornadod invite create`, users set their own password.
    Add {
        /// 3 to 50 of a-z, 0-9, '.', '_', '-'.
        name: Username,
        /// E-mail address; may be used to log in.
        #[arg(long)]
        email: Option<String>,
        /// Number of devices that may be connected at the same time.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10))]
        devices: u32,
        /// Read the password from standard input instead of the terminal.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List accounts.
    List {
        /// Only accounts whose name or e-mail address contains this text.
        #[arg(default_value = "")]
        search: String,
        /// Only suspended accounts.
        #[arg(long)]
        suspended: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one account and its devices.
    Show {
        /// Name, e-mail address or number.
        user: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change an account.
    Set {
        /// Name, e-mail address or number.
        user: String,
        /// New name.
        #[arg(long)]
        name: Option<Username>,
        /// New e-mail address; '' removes it.
        #[arg(long)]
        email: Option<String>,
        /// Number of devices that may be connected at the same time. The newest sessions above the limit end.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10))]
        devices: Option<u32>,
        /// Quota in bytes per calendar month (UTC), both directions and lanes together: 500mb, 200gb, 2tb; `none` for
        /// no limit. Applies from the next connect of any of its devices.
        #[arg(long, value_parser = parse_quota)]
        quota: Option<u64>,
        /// Rate limit towards all of its devices together, on both lanes: 500kbit, 20mbit, 1gbit; `none` for no limit.
        /// Applies within seconds.
        #[arg(long, value_parser = parse_rate)]
        download: Option<u64>,
        /// Rate limit from all of its devices together, on both lanes, as for --download. Applies within seconds.
        #[arg(long, value_parser = parse_rate)]
        upload: Option<u64>,
        /// `yes`: its devices may reach each other on the direct lane. `no`: they may not. Applies within seconds.
        #[arg(long = "peer-to-peer", alias = "together", value_parser = parse_yes)]
        peer_group: Option<bool>,
        /// Remove the second factor and the recovery codes, for a user who lost them. Logins do not end.
        #[arg(long)]
        forget_totp: bool,
    },
    /// Suspend an account. All its logins and sessions end at once.
    Suspend {
        /// Name, e-mail address or number.
        user: String,
    },
    /// Reactivate a suspended account.
    Reactivate {
        /// Name, e-mail address or number.
        user: String,
    },
    /// Delete an account. All its logins and sessions end at once. The name becomes free; the history is kept.
    Delete {
        /// Name, e-mail address or number.
        user: String,
    },
    /// Set an account's password. All its logins and sessions end at once.
    Password {
        /// Name, e-mail address or number.
        user: String,
        /// Read the password from standard input instead of the terminal.
        #[arg(long)]
        password_stdin: bool,
    },
    /// End all logins and sessions of an account. It may log in again.
    Revoke {
        /// Name, e-mail address or number.
        user: String,
    },
}

/// `tornadod device …`
#[derive(Debug, Subcommand)]
pub enum Device {
    /// List an account's devices.
    List {
        /// Name, e-mail address or number of the account.
        user: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Create a device for an ordinary WireGuard app, which does not log in. It uses one of the account's device slots
    /// until it is removed. The private key exists only in the output of this command.
    Export(Export),
    /// Remove a device. Its login and session end at once.
    Remove {
        /// The device id, as shown by `tornadod device list`.
        device_id: DeviceId,
    },
}

/// `tornadod device export`
#[derive(Debug, Args)]
pub struct Export {
    /// Name, e-mail address or number of the account.
    pub user: String,
    /// Name of the device.
    #[arg(long, default_value = "wireguard")]
    pub name: DeviceName,
    /// `direct`: through the server's uplink. `tor`: everything through Tor.
    #[arg(long, default_value = "direct")]
    pub lane: Lane,
    /// Print the configuration in the format of wg-quick(8).
    #[arg(long, required_unless_present_any = ["qr", "json"], conflicts_with = "qr")]
    pub conf: bool,
    /// Print the configuration as a QR code for a phone's camera.
    #[arg(long, conflicts_with = "json")]
    pub qr: bool,
    /// Print JSON: `device_id`, `device_name`, `lane`, `config`.
    #[arg(long)]
    pub json: bool,
}

/// `tornadod operator …`
#[derive(Debug, Subcommand)]
pub enum Operator {
    /// Create an operator, or set an operator's password. A new password ends all of the operator's sign-ins.
    Add {
        /// 3 to 50 of a-z, 0-9, '.', '_', '-'.
        name: Username,
        /// owner, operator or viewer. The default for a new operator is owner.
        #[arg(long)]
        role: Option<OperatorRole>,
        /// Read the password from standard input instead of the terminal.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change an operator's role, or remove every access besides the password.
    Set {
        /// Name of the operator.
        name: Username,
        /// owner, operator or viewer.
        #[arg(long)]
        role: Option<OperatorRole>,
        /// As `reset-factor`.
        #[arg(long)]
        forget_totp: bool,
    },
    /// Remove an operator's authenticator, recovery codes, passkeys and API tokens. Sign-ins do not end; a new password
    /// ends them.
    ResetFactor {
        /// Name of the operator.
        name: Username,
    },
    /// List operators.
    List(Format),
    /// Remove an operator. All of the operator's sign-ins end. The last owner cannot be removed.
    Remove {
        /// Name of the operator.
        name: Username,
    },
}

/// `tornadod audit …`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// List rows, newest first.
    List {
        /// Only actions with this prefix, for example 'user.' or 'keys.rotate'.
        #[arg(long)]
        action: Option<String>,
        /// Only actions of this actor, for example 'root' or 'operator:ann'.
        #[arg(long)]
        actor: Option<String>,
        /// Only rows before this row number.
        #[arg(long)]
        before: Option<i64>,
        /// Maximum number of rows.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Verify every row and the signature over the newest one. Exit code 1 if the trail is broken.
    Verify(Format),
}

/// `tornadod keys …`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Show age and phase of every key, and the time of the next rotation.
    Status(Format),
    /// Create new signing and login keys now. No login ends.
    Rotate,
    /// Read all key files again and test each key. Exit code 1 if there is a problem.
    Check(Format),
}

/// Parses bits per second with a decimal unit and returns bytes per second; `none` is 0.
fn parse_rate(text: &str) -> Result<u64, String> {
    let bits = amount(text, [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000)]);
    bits.map(|bits| bits / 8).ok_or_else(|| format!("'{text}' is not a rate; write 500kbit, 20mbit, 1gbit or none"))
}

fn parse_yes(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}

/// Parses bytes with a decimal unit; `none` is 0.
fn parse_quota(text: &str) -> Result<u64, String> {
    let bytes = amount(text, [("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000)]);
    let bytes = bytes.filter(|bytes| *bytes <= 1_000_000_000_000_000);
    bytes.ok_or_else(|| format!("'{text}' is not an amount of data; write 500mb, 200gb, 2tb or none"))
}

/// Parses a positive whole number with one of these units; `none` is 0.
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
