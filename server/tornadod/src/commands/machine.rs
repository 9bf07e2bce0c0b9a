//! Arguments of the commands for the machine and the complete state of a server.

use clap::Args;
use std::path::PathBuf;

/// `tornadod backup`
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to write. It must not exist.
    pub file: PathBuf,
    /// Read the passphrase from standard input instead of the terminal.
    #[arg(long)]
    pub passphrase_stdin: bool,
    /// Write the backup without encryption. Anyone with the file has the server's keys.
    #[arg(long, conflicts_with = "passphrase_stdin")]
    pub unsealed: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `tornadod restore`
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup file.
    pub file: PathBuf,
    /// Read the passphrase from standard input instead of the terminal.
    #[arg(long)]
    pub passphrase_stdin: bool,
    /// Restore a backup that is not encrypted. Its origin cannot be verified: use this only for a file that was always
    /// in your possession.
    #[arg(long, conflicts_with = "passphrase_stdin")]
    pub unsealed: bool,
    /// Only print the configuration in the backup, to review it before a restore.
    #[arg(long, conflicts_with = "force")]
    pub print_config: bool,
    /// Replace an existing state. The old state is renamed and kept.
    #[arg(long)]
    pub force: bool,
}

/// `tornadod import`
#[derive(Debug, Args)]
pub struct Import {
    /// Database of the original: postgres://host/tornadodb, without user and password.
    pub url: String,
    /// The original's DB_USER.
    #[arg(long, default_value = "postgres")]
    pub role: String,
    /// File with the original's DB_PASS in its first line, not readable by others. If it does not exist, no password is
    /// used.
    #[arg(long, default_value = "/etc/tornado/secrets/original.postgres")]
    pub password_file: PathBuf,
    /// Only print what would be imported.
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
