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
mod host;
mod output;
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
    let config = Config::load(&cli.config)?;
    match cli.command {
        Command::Master => services::master(config, cli.config),
        Command::Service { name } => services::service(name, config),
        Command::CheckConfig => commands::check_config(&config),
        Command::Migrate(command) => cluster::migrate(command, &config),
        Command::Operators(command) => commands::run(command, config),
    }
}
