//! The server: one program with a sub-command for each process, and the operator commands. Service `admin` runs a
//! separate program of this crate, `tornado-admind`.
//!
//! Exit codes: 0 success, 1 failure, 2 invalid usage, 3 the server is not running or not reachable, 4 the server
//! rejected the request.

#![forbid(unsafe_code)]

mod admin;
mod cli;
mod cluster;
mod commands;
mod config;
mod failure;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod logging;
mod output;
mod pools;
mod process;
mod salvage;
mod services;

pub use admin::{Admin, run_admin};
use cli::{Cli, Command, Place, Run};
use config::Config;
use failure::Failure;
use std::process::ExitCode;

/// Parses the command line and runs the command.
#[must_use]
pub fn run() -> ExitCode {
    output::finish(dispatch(cli::parse()))
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let Cli { place: Place { config: path }, command } = cli;
    let load = || Config::load(&path);
    match command {
        Command::Run(Run::Master) => services::master(load()?, path),
        Command::Run(Run::Service { name }) => services::service(name, load()?),
        Command::CheckConfig => commands::check_config(&load()?),
        Command::Migrate(command) => commands::migrate::run(command, &load()?),
        Command::Doctor(args) => commands::doctor::run(&path, &args),
        Command::Backup(args) => commands::backup::backup(&load()?, &path, &args),
        // A machine may have no configuration, or an invalid one, before a restore.
        Command::Restore(args) => commands::backup::restore(&path, &args),
        Command::Completions { shell } => {
            commands::manual::completions(shell);
            Ok(())
        }
        Command::Man { directory } => commands::manual::pages(&directory),
        Command::Operators(command) => commands::run(command, load()?),
    }
}
