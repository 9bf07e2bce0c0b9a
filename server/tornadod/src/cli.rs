//! The command line.

use crate::commands::args::{Audit, Device, Format, Keys, Operator, User};
use crate::commands::logs::args::Logs;
use crate::commands::machine::{Backup, Import, Restore};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
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
    after_help = "Exit codes: 0 success, 1 failure, 2 invalid usage, 3 the server is not running or not reachable, \
                  4 the server rejected the request."
)]
pub struct Cli {
    /// Where the configuration is.
    #[command(flatten)]
    pub place: Place,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct Place {
    /// Configuration file. If it does not exist, all values are defaults.
    #[arg(
        long,
        global = true,
        env = "TORNADO_CONFIG",
        default_value = "/etc/tornado/tornado.toml",
        value_name = "FILE"
    )]
    pub config: PathBuf,
}

/// The command line of a process of the server. It is parsed without the definitions of all other commands, because
/// each process would keep their memory and their pages of the program.
#[derive(Debug, Parser)]
#[command(name = "tornadod", version)]
struct Process {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Run,
}

/// Parses the command line. Prints help or an error and exits if it is not a valid one.
pub fn parse() -> Cli {
    let is_process = std::env::args_os().nth(1).is_some_and(|first| first == "master" || first == "service");
    if !is_process {
        return Cli::parse();
    }
    let Process { place, command } = Process::parse();
    Cli { place, command: Command::Run(command) }
}

/// Parses the command line of a service's process: its configuration, and the service unless it is the supervisor.
/// Prints help or an error and exits if it is not a valid one.
pub fn parse_process() -> (PathBuf, Option<ServiceName>) {
    let Process { place, command } = Process::parse();
    let name = match command {
        Run::Master => None,
        Run::Service { name } => Some(name),
    };
    (place.config, name)
}

/// Commands that are processes of the server.
#[derive(Debug, Subcommand)]
pub enum Run {
    /// Run the server: supervise all services until SIGTERM.
    Master,
    /// Run one service. The supervisor starts it.
    #[command(hide = true)]
    Service {
        /// The service.
        #[arg(value_parser = service_name())]
        name: ServiceName,
    },
}

/// Sub-commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Processes of the server.
    #[command(flatten)]
    Run(Run),
    /// Check the configuration file and print the effective values.
    CheckConfig,
    /// Prepare the database of the profile `cluster`, or move a server into or out of it.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Check this machine, and print problems with their remedies. Exit code 0: none, 1: warnings, 2: errors.
    Doctor(Format),
    /// Save the complete server to one encrypted file while it runs.
    Backup(Backup),
    /// Restore a server from a backup, on this machine or another one. Devices need not enrol again.
    Restore(Restore),
    /// Write shell completions to standard output.
    Completions {
        /// bash, elvish, fish, powershell or zsh.
        shell: clap_complete::Shell,
    },
    /// Write manual pages to a directory.
    Man {
        /// The directory. It must exist.
        directory: PathBuf,
    },
    /// Commands for a running server.
    #[command(flatten)]
    Operators(Operators),
}

/// `tornadod migrate …`
#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Create the tables in PostgreSQL, or migrate them to the current version, as their owner. Older tables are copied
    /// first.
    Schema,
    /// After a return to this version: replace databases that a newer version has migrated by the copies from before
    /// the migration. The server must be stopped on every gateway. Everything since the migration is lost.
    Undo(Format),
    /// Move accounts, sessions and audit trail from the files of this machine into empty tables in PostgreSQL. The
    /// server must be stopped. The files are kept.
    ToCluster(Format),
    /// Move accounts, sessions and audit trail from PostgreSQL to files on this machine, which must not exist. The
    /// server must be stopped on every gateway. The data in PostgreSQL is kept.
    ToEmbedded(Format),
}

/// Commands for a running server. They need root.
#[derive(Debug, Subcommand)]
pub enum Operators {
    /// Show the desired and the actual state of every service.
    Status(Format),
    /// Start one service or all. This also ends a crash loop.
    Start {
        /// The service; absent: all.
        #[arg(value_parser = service_name())]
        service: Option<ServiceName>,
    },
    /// Stop one service or all.
    Stop {
        /// The service; absent: all.
        #[arg(value_parser = service_name())]
        service: Option<ServiceName>,
    },
    /// Restart one service, or all in order.
    Restart {
        /// The service; absent: all.
        #[arg(value_parser = service_name())]
        service: Option<ServiceName>,
    },
    /// Print a one-time link that creates the first operator, while no operator exists.
    SetupLink,
    /// Manage operators.
    #[command(subcommand)]
    Operator(Operator),
    /// Import the accounts of an installation of the original, with their passwords.
    Import(Import),
    /// Manage users.
    #[command(subcommand)]
    User(User),
    /// List, export and remove users' devices.
    #[command(subcommand)]
    Device(Device),
    /// Read and verify the audit trail of privileged actions.
    #[command(subcommand)]
    Audit(Audit),
    /// Show, check and rotate the server's keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Manage invitations.
    #[command(subcommand)]
    Invite(Invite),
    /// List and end sessions.
    #[command(subcommand)]
    Session(Session),
    /// Follow session events, one JSON object per line.
    Events,
    /// Show the state of Tor and the tor lane, and control them.
    #[command(subcommand)]
    Tor(Tor),
    /// Query, follow, export and delete the log lines of all services.
    #[command(subcommand)]
    Logs(Logs),
    /// Show metrics of the services and of this host: current values, or their history.
    Metrics(MetricsArgs),
}

/// `tornadod metrics …`
#[derive(Debug, Args)]
pub struct MetricsArgs {
    /// Names of metrics, such as tornado_sessions for all its series or 'tornado_peers{service=wg}' for one. Without a
    /// name, all.
    pub names: Vec<String>,
    /// Show the history of this time until now: 10m, 1h, 7d, 104w. The last hour has a point for each second, seven
    /// days one for each minute, two years one for each hour.
    #[arg(long, value_parser = parse_range, requires = "names")]
    pub range: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print all metrics in the OpenMetrics text format, as /metrics of the console does.
    #[arg(long, conflicts_with_all = ["names", "range", "json"])]
    pub openmetrics: bool,
}

/// `tornadod tor …`
#[derive(Debug, Subcommand)]
pub enum Tor {
    /// Show the state of the lane, the Tor process and its health.
    Status(Format),
    /// Open the lane as soon as Tor is healthy.
    Up,
    /// Put the lane into maintenance. Tor keeps running.
    Down,
    /// Start Tor.
    Start,
    /// Stop Tor. The lane goes into maintenance.
    Stop,
    /// List circuits with their relays.
    Circuits(Format),
    /// List the countries that have exits.
    Exits(Format),
    /// Use new circuits for all new connections of all devices.
    NewIdentity,
    /// Probe the path through Tor now. Exit code 1 if the probe fails.
    Health(Format),
    /// Show the end of Tor's log.
    Log {
        /// Number of lines.
        #[arg(long, default_value_t = 50)]
        lines: usize,
    },
    /// Follow Tor events, one JSON object per line.
    Events,
}

/// `tornadod invite …`
#[derive(Debug, Subcommand)]
pub enum Invite {
    /// Create an invitation link. It is valid for one device and cannot be printed again.
    Create(CreateInvite),
}

/// `tornadod invite create`
#[derive(Debug, Args)]
pub struct CreateInvite {
    /// Add a device to this account instead of creating a new account.
    #[arg(long)]
    pub user: Option<Username>,
    /// Number of devices of the new account that may be connected at the same time.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub devices: u32,
    /// Lifetime of the link: 30m, 12h, 7d, 2w; at most 30d.
    #[arg(long, default_value = "7d", value_parser = parse_duration)]
    pub expires: Duration,
    /// Name or address of the server in the link, instead of `[server] host`.
    #[arg(long)]
    pub host: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print a QR code even if the output is not a terminal.
    #[arg(long, conflicts_with = "json")]
    pub qr: bool,
}

/// `tornadod session …`
#[derive(Debug, Subcommand)]
pub enum Session {
    /// List live sessions.
    List(Format),
    /// List past sessions, newest first.
    History {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Maximum number of rows.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Only sessions of this account: name, e-mail address or number.
        #[arg(long)]
        user: Option<String>,
    },
    /// End a device's session. The device may connect again.
    #[command(alias = "close")]
    Disconnect {
        /// The device id, as shown by `tornadod session list`.
        device_id: DeviceId,
    },
}

/// Accepts the name of a service. Help, completions and errors list all of them.
fn service_name() -> impl TypedValueParser<Value = ServiceName> {
    PossibleValuesParser::new(ServiceName::ALL.map(ServiceName::as_str)).try_map(|name| name.parse::<ServiceName>())
}

/// The lifetime of an invitation.
fn parse_duration(text: &str) -> Result<Duration, String> {
    parse_days(text, 30)
}

/// The length of a history; metrics are kept for two years.
fn parse_range(text: &str) -> Result<Duration, String> {
    parse_days(text, 730)
}

/// Parses numbers with units, such as `30m` or `1d 12h`: one minute to this number of days.
fn parse_days(text: &str, days: u64) -> Result<Duration, String> {
    let bad = |_| format!("'{text}' is not a duration; write 30m, 12h, 7d or 2w");
    let total = humantime::parse_duration(text).map_err(bad)?;
    let is_allowed = (60..=days * 86_400).contains(&total.as_secs());
    is_allowed.then_some(total).ok_or_else(|| format!("'{text}' must be between 1m and {days}d"))
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
    fn a_process_parses_its_command_line_like_the_whole_parser() {
        for line in [&["tornadod", "master"][..], &["tornadod", "service", "wg", "--config", "/x/tornado.toml"]] {
            let Process { place, command } = Process::try_parse_from(line).unwrap();
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(format!("{:?}", (place, Command::Run(command))), format!("{:?}", (cli.place, cli.command)));
        }
        assert!(Process::try_parse_from(["tornadod", "service", "sh"]).is_err());
        assert!(Process::try_parse_from(["tornadod", "status"]).is_err());
    }

    #[test]
    fn help_and_errors_list_every_service() {
        let all = ServiceName::ALL.map(ServiceName::as_str).join(", ");
        for (command, status) in [(["tornadod", "restart", "--help"], 0), (["tornadod", "restart", "nonsense"], 2)] {
            let refusal = Cli::try_parse_from(command).unwrap_err();
            assert_eq!(refusal.exit_code(), status);
            // Help is wrapped.
            let text = refusal.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(&format!("[possible values: {all}]")), "{text}");
        }
        let Command::Operators(Operators::Stop { service }) =
            Cli::try_parse_from(["tornadod", "stop", "client-api"]).unwrap().command
        else {
            panic!("not a stop")
        };
        assert_eq!(service, Some(ServiceName::ClientApi));
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(604_800)));
        for text in ["90m", "5400s", "1h 30m", "1.5h"] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(5400)), "{text}");
        }
        assert_eq!(parse_duration("2w"), Ok(Duration::from_secs(14 * 86_400)));
        assert_eq!(parse_range("104w"), Ok(Duration::from_secs(104 * 604_800)));
        for text in ["", "7", "d", "-1d", "1,5h", "5y", "31d", "1s", "99999999999999999999d", "7é"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
