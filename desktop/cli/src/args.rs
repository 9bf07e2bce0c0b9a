//! Command line definition: commands, options and their help texts.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use tornado_helper_api::ProfileName;
use tornado_shared::model::{CountryCode, DeviceId, DeviceName, Lane, LockdownMode, NotCountry, SessionId, Username};
use tornado_support::Level;

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  any other failure
  2  invalid usage
  3  the helper is not running, or this user may not use it
  4  the server rejected the request: wrong name, password or code, code required, login ended, invitation already used
  5  the server is unreachable or busy
  6  no handshake: the server did not respond over the lane
  7  `leak-check` found a leak";

/// Command-line client of Tornado VPN.
#[derive(Debug, Parser)]
#[command(name = "tornado", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Print JSON instead of text, errors included.
    #[arg(long, global = true)]
    pub json: bool,
    /// Socket of the helper.
    #[arg(long, global = true, env = tornado_helper_api::SOCKET_VARIABLE, value_name = "PATH",
          default_value = tornado_helper_api::DEFAULT_SOCKET)]
    pub socket: PathBuf,
    /// Command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// Sources of secrets.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SecretInput {
    /// Read the password from standard input instead of prompting.
    #[arg(long)]
    pub password_stdin: bool,
    /// Read the authenticator code or a recovery code from standard input instead of prompting. With --password-stdin
    /// the code is the second line, after the password.
    #[arg(long)]
    pub totp_stdin: bool,
}

/// An invitation and the account for it.
#[derive(Debug, Args)]
pub(crate) struct InvitationInput {
    /// Invitation link, `tornado://…`. `-` reads it from the first line of standard input, which keeps it out of the
    /// process list.
    pub link: String,
    /// Name of the new account; the command prompts for it if absent. Leave it empty if the invitation is for an
    /// existing account.
    #[arg(long)]
    pub username: Option<Username>,
    #[command(flatten)]
    pub secrets: SecretInput,
    /// Name of this device [default: the host name].
    #[arg(long)]
    pub device_name: Option<DeviceName>,
}

/// The exit country, or `None` for `any`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExitCountry(pub Option<CountryCode>);

fn exit_country(text: &str) -> Result<ExitCountry, NotCountry> {
    if text == "any" { Ok(ExitCountry(None)) } else { Ok(ExitCountry(Some(text.parse()?))) }
}

/// What to do with the second factor.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum TotpCommand {
    /// Create a secret for an authenticator app. Requires the password.
    Begin {
        /// Read the password from standard input instead of prompting.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Confirm the secret with its first code, which is read from standard input. Prints the recovery codes.
    Confirm,
    /// Remove the second factor. Requires the password.
    End {
        /// Read the password from standard input instead of prompting.
        #[arg(long)]
        password_stdin: bool,
    },
}

/// How to change the networks outside the tunnel.
#[derive(Debug, Subcommand)]
pub(crate) enum SplitCommand {
    /// Exclude networks from the tunnel.
    Add {
        /// Networks, ADDRESS/LENGTH; at least 8 bits, for IPv6 16.
        #[arg(required = true)]
        networks: Vec<IpNet>,
    },
    /// Reach networks through the tunnel again.
    Remove {
        /// Networks, ADDRESS/LENGTH.
        #[arg(required = true)]
        networks: Vec<IpNet>,
    },
    /// Reach all networks through the tunnel.
    Clear,
}

/// A program to start outside the tunnel, or what to do with the excluded ones.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ExcludeArguments {
    /// Let the DNS queries of the program leave outside the tunnel, too.
    #[arg(long, requires = "program")]
    pub own_dns: bool,
    /// Program to start, with its arguments, after `--`.
    #[arg(last = true, value_name = "COMMAND")]
    pub program: Vec<OsString>,
    #[command(subcommand)]
    pub command: Option<ExcludeCommand>,
}

/// How to change the programs outside the tunnel.
#[derive(Debug, Subcommand)]
pub(crate) enum ExcludeCommand {
    /// List your excluded processes; as root, all.
    List,
    /// Exclude a running process of yours. Connections that it already has stay where they are.
    Add {
        /// Its process ID.
        pid: u32,
        /// Let its DNS queries leave outside the tunnel, too.
        #[arg(long)]
        own_dns: bool,
    },
    /// Let an excluded process of yours use the tunnel again. Connections that it already has stay where they are.
    Remove {
        /// Its process ID.
        pid: u32,
    },
}

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List the profiles.
    List,
    /// Disconnect, then use another profile.
    Use {
        /// Name of the profile.
        name: ProfileName,
    },
    /// Enrol this device with another server, and use it. The profile in use before is kept.
    Add {
        /// Name of the new profile: 1 to 32 characters, each a-z, 0-9 or '-'.
        name: ProfileName,
        #[command(flatten)]
        invitation: InvitationInput,
    },
    /// Rename a profile.
    Rename {
        /// Name of the profile.
        name: ProfileName,
        /// Its new name.
        new_name: ProfileName,
    },
    /// Remove a profile that is not in use.
    Remove {
        /// Name of the profile.
        name: ProfileName,
    },
}

fn choice(text: &str) -> Result<bool, &'static str> {
    match text {
        "allow" => Ok(true),
        "block" => Ok(false),
        _ => Err("must be 'allow' or 'block'"),
    }
}

/// Command to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Enrol this device with an invitation link from the server's operator.
    #[command(after_help = EXIT_CODES)]
    Enroll(InvitationInput),
    /// List, use, add, rename or remove server profiles. Each has its own server, account and login; one is in use.
    #[command(subcommand, after_help = EXIT_CODES)]
    Profile(ProfileCommand),
    /// Log in again to the server that this device is enrolled with.
    #[command(after_help = EXIT_CODES)]
    Login {
        /// New address of the server, HOST or HOST:PORT, if it has moved. It must be the same server.
        #[arg(long)]
        server: Option<String>,
        /// Account name or e-mail address [default: the enrolled account].
        #[arg(long)]
        username: Option<String>,
        #[command(flatten)]
        secrets: SecretInput,
    },
    /// Connect the tunnel, or switch its lane.
    #[command(after_help = EXIT_CODES)]
    Connect {
        /// `direct`: leave through the server. `tor`: leave through Tor.
        #[arg(long, default_value = "direct")]
        lane: Lane,
    },
    /// Switch the connected tunnel to another lane. No traffic leaves outside the tunnel during the switch.
    #[command(after_help = EXIT_CODES)]
    Lane {
        /// `direct`: leave through the server. `tor`: leave through Tor.
        lane: Lane,
        /// Exit country until the next choice: two letters, or `any` for no preference. Only for the tor lane.
        #[arg(long, value_name = "COUNTRY", value_parser = exit_country)]
        exit_country: Option<ExitCountry>,
    },
    /// List the available exit countries.
    #[command(after_help = EXIT_CODES)]
    Exits,
    /// Use new circuits for all new connections on the tor lane.
    #[command(after_help = EXIT_CODES)]
    NewIdentity,
    /// Show the bytes that the account transferred today, this month and in total, and the rest of its quota.
    #[command(after_help = EXIT_CODES)]
    Usage,
    /// List the account's sessions, newest first.
    #[command(after_help = EXIT_CODES)]
    Sessions {
        /// Maximum number of sessions, 1 to 100.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// Only sessions that began before this one. Each page ends with the value for the next page.
        #[arg(long, value_name = "SESSION")]
        before: Option<SessionId>,
    },
    /// List the account's devices, or remove one.
    #[command(after_help = EXIT_CODES)]
    Devices {
        /// Remove the device with this ID. Its login and its session end.
        #[arg(long, value_name = "DEVICE")]
        remove: Option<DeviceId>,
    },
    /// Create an exported device, for use with an ordinary WireGuard app, for example on a phone. It counts towards the
    /// account's device limit until it is removed. The password is required because the exported device stays valid
    /// after this device logs out.
    #[command(after_help = EXIT_CODES)]
    Export {
        /// `direct`: leave through the server. `tor`: leave through Tor.
        #[arg(long, default_value = "direct")]
        lane: Lane,
        /// Print the configuration in the format of wg-quick(8).
        #[arg(long, required_unless_present = "qr", conflicts_with = "qr")]
        conf: bool,
        /// Print the configuration as a QR code.
        #[arg(long)]
        qr: bool,
        /// Name of the exported device.
        #[arg(long, default_value = "wireguard")]
        device_name: DeviceName,
        #[command(flatten)]
        secrets: SecretInput,
    },
    /// Write shell completions to standard output.
    #[command(hide = true)]
    Completions {
        /// Shell to generate completions for.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages to a directory.
    #[command(hide = true)]
    Man {
        /// Existing directory.
        directory: PathBuf,
    },
    /// Show or set when traffic outside the tunnel is blocked. Without arguments, show it.
    ///
    /// `tornado lockdown off` works without server and login. As root it also works while the helper does not run.
    #[command(after_help = EXIT_CODES)]
    Lockdown {
        /// `off`: never, except while a connect is in progress. `auto`: if the tunnel is lost or the helper crashes,
        /// until the tunnel is up again or you disconnect. `always`: whenever no tunnel is up, also at boot and while
        /// the helper is stopped.
        mode: Option<LockdownMode>,
        /// Whether connected private networks may be reached outside the tunnel.
        #[arg(long, value_name = "CHOICE", value_parser = choice)]
        lan: Option<bool>,
        /// Whether networks of containers and virtual machines on this device may be reached even with `--lan block`.
        #[arg(long, value_name = "CHOICE", value_parser = choice)]
        bridges: Option<bool>,
    },
    /// List or change the networks that are reached outside the tunnel. Names are still resolved inside it.
    #[command(after_help = EXIT_CODES)]
    Split {
        /// What to change; without it, list the networks.
        #[command(subcommand)]
        command: Option<SplitCommand>,
    },
    /// Start a program outside the tunnel, or list and change the excluded programs.
    ///
    /// The program and its children send and receive as if there were no tunnel, also during lockdown, until they end.
    /// Their DNS queries still go to the tunnel's resolver, except with `--own-dns`. If the program cannot be started,
    /// the exit code is 127 if it does not exist, otherwise 126.
    #[command(after_help = EXIT_CODES)]
    Exclude(ExcludeArguments),
    /// Check whether traffic leaves outside the connected tunnel, and explain the result.
    ///
    /// The enrolled server reports the addresses that it sees; no other host is asked. The exit code is 7 if a leak was
    /// found.
    #[command(after_help = EXIT_CODES)]
    LeakCheck,
    /// Show what a person who helps needs to know: status, firewall, routes, the end of the log. While the helper does
    /// not run, only root sees all parts. Names and addresses are replaced.
    #[command(after_help = EXIT_CODES)]
    SupportBundle {
        /// What is replaced by placeholders: names, IDs and addresses; addresses only; or nothing.
        #[arg(long, default_value = "all",
              value_parser = PossibleValuesParser::new(["all", "addresses", "none"]).try_map(|level| level.parse::<Level>()))]
        redact: Level,
        /// Save the text to a new file, after it was shown and confirmed.
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
        /// Save without a confirmation.
        #[arg(long, requires = "save")]
        yes: bool,
    },
    /// Add or remove the second factor of the account.
    #[command(subcommand, after_help = EXIT_CODES)]
    Totp(TotpCommand),
    /// Let TCP to ports 80 and 443 of one address leave outside the tunnel for 60 seconds, for the login page of a
    /// captive portal.
    #[command(after_help = EXIT_CODES)]
    Portal {
        /// Address of the portal.
        address: IpAddr,
    },
    /// Print the status as JSON, one line for each change, until the helper stops.
    #[command(after_help = EXIT_CODES)]
    Watch,
    /// Show the state of the tunnel.
    #[command(after_help = EXIT_CODES)]
    Status {
        /// Print the status again each time it changes.
        #[arg(long)]
        watch: bool,
    },
    /// Disconnect the tunnel and close its session on the server.
    #[command(after_help = EXIT_CODES)]
    Disconnect,
    /// Disconnect the tunnel and end the login. This device stays enrolled.
    #[command(after_help = EXIT_CODES)]
    Logout,
}
