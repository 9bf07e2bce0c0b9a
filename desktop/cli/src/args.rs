//! What can be typed.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use tornado_shared::model::{CountryCode, DeviceName, Lane, NotCountry, Username};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed for another reason
  2  wrong usage
  3  the helper does not run, or this user may not use it
  4  the server refused: wrong name or password, login ended, invitation used
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
        /// Read the password from standard input instead of asking.
        #[arg(long)]
        password_stdin: bool,
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
        /// Read the password from standard input instead of asking.
        #[arg(long)]
        password_stdin: bool,
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
        /// Read the password from standard input instead of asking.
        #[arg(long)]
        password_stdin: bool,
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
