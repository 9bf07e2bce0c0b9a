//! What can be typed.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use tornado_shared::model::{CountryCode, DeviceId, DeviceName, Lane, NotCountry, SessionId, Username};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed for another reason
  2  wrong usage
  3  the helper does not run, or this user may not use it
  4  the server refused: wrong name, password or code, a code is needed, login ended, invitation used
  5  the server cannot be reached, or is busy
  6  no handshake: the server never answered over the lane";

/// Tornado VPN on this device.
#[derive(Debug, Parser)]
#[command(name = "tornado", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Answer in JSON, errors too.
    #[arg(long, global = true)]
    pub json: bool,
    /// The helper's socket.
    #[arg(long, global = true, env = tornado_helper_api::SOCKET_VARIABLE, value_name = "PATH",
          default_value = tornado_helper_api::DEFAULT_SOCKET)]
    pub socket: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where secrets come from.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SecretInput {
    /// Read the password from standard input instead of asking.
    #[arg(long)]
    pub password_stdin: bool,
    /// Read the code of the authenticator, or a recovery code, from standard input instead of asking; with
    /// --password-stdin it is the second line, after the password.
    #[arg(long)]
    pub totp_stdin: bool,
}

/// A chosen country, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExitCountry(pub Option<CountryCode>);

fn exit_country(text: &str) -> Result<ExitCountry, NotCountry> {
    if text == "any" { Ok(ExitCountry(None)) } else { Ok(ExitCountry(Some(text.parse()?))) }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Join a server with an invitation link from its operator.
    #[command(after_help = EXIT_CODES)]
    Enroll {
        /// The link, `tornado://…`. `-` reads it from the first line of standard input, so that it shows in no process list.
        link: String,
        /// Name of the account; asked for when absent. Leave empty when the invitation is for an existing account.
        #[arg(long)]
        username: Option<Username>,
        #[command(flatten)]
        secrets: SecretInput,
        /// What to call this machine; its host name when absent.
        #[arg(long)]
        device_name: Option<DeviceName>,
    },
    /// Log in again to the server this device is enrolled with.
    #[command(after_help = EXIT_CODES)]
    Login {
        /// Where the server is now, HOST or HOST:PORT, should it have moved. It must be the same server.
        #[arg(long)]
        server: Option<String>,
        /// Account name or e-mail address; the enrolled account when absent.
        #[arg(long)]
        username: Option<String>,
        #[command(flatten)]
        secrets: SecretInput,
    },
    /// Bring the tunnel up, or switch its lane.
    #[command(after_help = EXIT_CODES)]
    Connect {
        /// `direct`: out by the server. `tor`: everything through Tor.
        #[arg(long, default_value = "direct")]
        lane: Lane,
    },
    /// Move the tunnel to the other lane. Needs no new login, and nothing leaves unprotected on the way.
    #[command(after_help = EXIT_CODES)]
    Lane {
        /// `direct`: out by the server. `tor`: everything through Tor.
        lane: Lane,
        /// Leave Tor in this country from now on, two letters; `any`: wherever Tor likes. For the tor lane.
        #[arg(long, value_name = "COUNTRY", value_parser = exit_country)]
        exit_country: Option<ExitCountry>,
    },
    /// List the countries in which this device may leave Tor.
    #[command(after_help = EXIT_CODES)]
    Exits,
    /// Use new circuits on the tor lane for every connection that begins from now on.
    #[command(after_help = EXIT_CODES)]
    NewIdentity,
    /// Show what the account moved today, this month and in all, and what is left of its quota.
    #[command(after_help = EXIT_CODES)]
    Usage,
    /// List the account's connections, the newest first.
    #[command(after_help = EXIT_CODES)]
    Sessions {
        /// How many at most, 1 to 100.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// Only those that began before this one; the end of a list names it.
        #[arg(long, value_name = "SESSION")]
        before: Option<SessionId>,
    },
    /// List the account's devices, or remove one.
    #[command(after_help = EXIT_CODES)]
    Devices {
        /// Remove the device of this number: its login and its tunnel end.
        #[arg(long, value_name = "DEVICE")]
        remove: Option<DeviceId>,
    },
    /// Make a device that is an ordinary WireGuard app, for example a phone. It takes one of the account's places until
    /// it is removed, and asks for the password, for it stays good after this device has logged out.
    #[command(after_help = EXIT_CODES)]
    Export {
        /// `direct`: out by the server. `tor`: everything through Tor.
        #[arg(long, default_value = "direct")]
        lane: Lane,
        /// Print the configuration, as wg-quick(8) reads it.
        #[arg(long, required_unless_present = "qr", conflicts_with = "qr")]
        conf: bool,
        /// Print it as a QR code for a phone's camera.
        #[arg(long)]
        qr: bool,
        /// What to call the device.
        #[arg(long, default_value = "wireguard")]
        device_name: DeviceName,
        #[command(flatten)]
        secrets: SecretInput,
    },
    /// Write shell completions to standard output.
    #[command(hide = true)]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a directory.
    #[command(hide = true)]
    Man {
        /// An existing directory.
        directory: PathBuf,
    },
    /// Show the tunnel.
    #[command(after_help = EXIT_CODES)]
    Status {
        /// Show it again each time it changes.
        #[arg(long)]
        watch: bool,
    },
    /// Take the tunnel down and free its place on the server.
    #[command(after_help = EXIT_CODES)]
    Disconnect,
    /// Take the tunnel down and end the login. The server stays known.
    #[command(after_help = EXIT_CODES)]
    Logout,
}
