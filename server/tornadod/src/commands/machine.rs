//! Arguments of the commands about the machine and the whole of a server's state.

use clap::Args;
use std::path::PathBuf;

/// `tornadod backup`
#[derive(Debug, Args)]
pub struct Backup {
    /// Where to write it. Must not exist.
    pub file: PathBuf,
    /// Read the passphrase from standard input instead of asking.
    #[arg(long)]
    pub passphrase_stdin: bool,
    /// Without a passphrase: whoever has the file has the server's keys.
    #[arg(long, conflicts_with = "passphrase_stdin")]
    pub unsealed: bool,
    /// Machine-readable.
    #[arg(long)]
    pub json: bool,
}

/// `tornadod restore`
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup.
    pub file: PathBuf,
    /// Read the passphrase from standard input instead of asking.
    #[arg(long)]
    pub passphrase_stdin: bool,
    /// Restore a backup that is not sealed. Nothing shows who made it: only for one that was never out of your hands.
    #[arg(long, conflicts_with = "passphrase_stdin")]
    pub unsealed: bool,
    /// Only print the configuration in the backup, to be read before it is put in place.
    #[arg(long, conflicts_with = "force")]
    pub print_config: bool,
    /// Replace a state that is not empty; it is kept beside.
    #[arg(long)]
    pub force: bool,
}

/// `tornadod doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// Machine-readable.
    #[arg(long)]
    pub json: bool,
}

/// `tornadod import`
#[derive(Debug, Args)]
pub struct Import {
    /// The original's database: postgres://host/tornadodb, without user and password.
    pub url: String,
    /// Its DB_USER.
    #[arg(long, default_value = "postgres")]
    pub role: String,
    /// File with its DB_PASS in the first line, which others cannot read; none: no password is asked for.
    #[arg(long, default_value = "/etc/tornado/secrets/original.postgres")]
    pub password_file: PathBuf,
    /// Only say what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Machine-readable.
    #[arg(long)]
    pub json: bool,
}
