//! The server: one binary, one sub-command a process, and the operators' commands.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the server is not running or not reachable,
//! 4 the server refused.

mod cli;
mod cluster;
mod commands;
mod config;
mod failure;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod log_file;
mod output;
mod pools;
mod salvage;
mod services;

use clap::Parser as _;
use cli::{Cli, Command};
use config::Config;
use failure::Failure;
use std::process::ExitCode;

/// Reads the command line and does what it says.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&format!("tornadod: {failure}"));
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let Cli { config: path, command } = cli;
    let load = || Config::load(&path);
    match command {
        Command::Master => services::master(load()?, path),
        Command::Service { name } => services::service(name, load()?),
        Command::CheckConfig => commands::check_config(&load()?),
        Command::Migrate(command) => cluster::migrate(command, &load()?),
        Command::Doctor(args) => commands::doctor::run(&path, &args),
        Command::Backup(args) => commands::backup::backup(&load()?, &path, &args),
        // A machine that is to be restored may have no configuration yet, or a bad one.
        Command::Restore(args) => commands::backup::restore(&path, &args),
        Command::Completions { shell } => {
            commands::manual::completions(shell);
            Ok(())
        }
        Command::Man { directory } => commands::manual::pages(&directory),
        Command::Operators(command) => commands::run(command, load()?),
    }
}
