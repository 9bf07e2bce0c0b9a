//! The command line.

use crate::commands::args::{Audit, Device, Keys, Operator, User};
use crate::commands::machine::{Backup, Doctor, Import, Restore};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;
use tornado_contracts::ServiceName;
use tornado_shared::model::{DeviceId, Username};

/// Tornado VPN server.
#[derive(Debug, Parser)]
#[command(
    name = "tornadod",
    version,
    about,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the server is not running or not reachable, 4 the server refused."
)]
pub struct Cli {
    /// Configuration file; one that does not exist means: all defaults.
    #[arg(
        long,
        global = true,
        env = "TORNADO_CONFIG",
        default_value = "/etc/tornado/tornado.toml",
        value_name = "FILE"
    )]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Sub-commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server: supervise all services until SIGTERM.
    Master,
    /// Run one service; started by the supervisor.
    #[command(hide = true)]
    Service {
        /// auth, session, wg, tor, client-api or admin.
        name: ServiceName,
    },
    /// Check the configuration file and print the effective values.
    CheckConfig,
    /// Prepare the database of the profile `cluster`, and move a server into it or out of it.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Find what is wrong with this machine, and say the cure. Exit code 0: nothing, 1: warnings, 2: errors.
    Doctor(Doctor),
    /// Save the whole server in one sealed file, while it runs.
    Backup(Backup),
    /// Put a saved server in place, on this machine or another; devices need not enrol again.
    Restore(Restore),
    /// Write completions for a shell to standard output.
    Completions {
        /// bash, elvish, fish, powershell or zsh.
        shell: clap_complete::Shell,
    },
    /// Write manual pages into a directory.
    Man {
        /// Must exist.
        directory: PathBuf,
    },
    /// What operators ask a running server.
    #[command(flatten)]
    Operators(Operators),
}

/// `tornadod migrate …`
#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Make the tables in PostgreSQL, or bring them up to date, as their owner.
    Schema,
    /// Move accounts, sessions and audit trail from this machine's files into the empty tables in PostgreSQL. The
    /// server must be stopped; the files are kept.
    ToCluster {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Move them from PostgreSQL into files on this machine, which must not exist. The server must be stopped on every
    /// gateway; PostgreSQL stays as it is.
    ToEmbedded {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
}

/// Commands for a running server. They need root.
#[derive(Debug, Subcommand)]
pub enum Operators {
    /// Show wanted and actual state of every service.
    Status {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Start a service, or all; also ends a crash loop.
    Start {
        /// auth, session, wg, tor, client-api or admin.
        service: Option<ServiceName>,
    },
    /// Stop a service, or all.
    Stop {
        /// auth, session, wg, tor, client-api or admin.
        service: Option<ServiceName>,
    },
    /// Restart a service, or all in order.
    Restart {
        /// auth, session, wg, tor, client-api or admin.
        service: Option<ServiceName>,
    },
    /// Print a one-time link that makes the first operator.
    SetupLink,
    /// Manage operators.
    #[command(subcommand)]
    Operator(Operator),
    /// Take over the accounts of an installation of the original, with their passwords.
    Import(Import),
    /// Manage users.
    #[command(subcommand)]
    User(User),
    /// Look at users' devices and remove them.
    #[command(subcommand)]
    Device(Device),
    /// Read and check the trail of privileged acts.
    #[command(subcommand)]
    Audit(Audit),
    /// Look at the server's keys and rotate them.
    #[command(subcommand)]
    Keys(Keys),
    /// Manage invitations.
    #[command(subcommand)]
    Invite(Invite),
    /// Look at sessions and end them.
    #[command(subcommand)]
    Session(Session),
    /// Follow what happens to sessions, one JSON object a line.
    Events,
    /// Look at Tor and the tor lane, and give them orders.
    #[command(subcommand)]
    Tor(Tor),
}

/// `tornadod tor …`
#[derive(Debug, Subcommand)]
pub enum Tor {
    /// Show the lane, the Tor process and its health.
    Status {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Open the lane as soon as Tor can carry it.
    Up,
    /// Put the lane into maintenance; Tor goes on running.
    Down,
    /// Run Tor.
    Start,
    /// Stop Tor; the lane goes into maintenance.
    Stop,
    /// Show circuits with their relays.
    Circuits {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Show the countries in which traffic can leave the network.
    Exits {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Give all new connections of all devices new circuits.
    NewIdentity,
    /// Probe the way through Tor now; exit code 1 when it does not work.
    Health {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Show the end of Tor's log.
    Log {
        /// Lines.
        #[arg(long, default_value_t = 50)]
        lines: usize,
    },
    /// Follow what happens to Tor, one JSON object a line.
    Events,
}

/// `tornadod invite …`
#[derive(Debug, Subcommand)]
pub enum Invite {
    /// Make an invitation link. It works once and is shown only now.
    Create {
        /// Add a device to this account instead of inviting a new person.
        #[arg(long)]
        user: Option<Username>,
        /// Devices the new account may have connected at once.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10))]
        devices: u32,
        /// Life of the link: 30m, 12h, 7d, 2w; at most 30d.
        #[arg(long, default_value = "7d", value_parser = parse_duration)]
        expires: Duration,
        /// Name or address to write into the link instead of the configured one.
        #[arg(long)]
        host: Option<String>,
        /// Machine-readable.
        #[arg(long)]
        json: bool,
        /// Show a QR code also when the output is no terminal.
        #[arg(long, conflicts_with = "json")]
        qr: bool,
    },
}

/// `tornadod session …`
#[derive(Debug, Subcommand)]
pub enum Session {
    /// Show live sessions.
    List {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
    },
    /// Show connections that were, newest first.
    History {
        /// Machine-readable.
        #[arg(long)]
        json: bool,
        /// Rows.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Only this account's: name, e-mail address or number.
        #[arg(long)]
        user: Option<String>,
    },
    /// End a device's session; it may connect again.
    #[command(alias = "close")]
    Disconnect {
        /// The device, as `tornadod session list` shows it.
        device_id: DeviceId,
    },
}

/// A whole number with a unit: s, m, h, d, w.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("'{text}' is no duration; write 30m, 12h, 7d or 2w");
    let unit = text.chars().last().ok_or_else(bad)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(bad()),
    };
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| bad())?;
    let total = number.checked_mul(seconds).filter(|total| (60..=30 * 86_400).contains(total));
    total.map(Duration::from_secs).ok_or_else(|| format!("'{text}' must be between 1m and 30d"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(604_800)));
        assert_eq!(parse_duration("90m"), Ok(Duration::from_secs(5400)));
        for text in ["", "7", "d", "-1d", "1.5h", "5y", "31d", "1s", "99999999999999999999d", "7é"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
