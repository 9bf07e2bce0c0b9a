//! `tornado`: the command-line client of the device. It talks to the helper only and needs no privileges.

#![forbid(unsafe_code)]

mod args;
mod bundle;
mod error;
mod lockdown;
mod manual;
mod output;
mod redact;
mod run;
mod secrets;
mod split;
mod system;
mod totp;

use clap::Parser as _;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let json = arguments.json;
    match run::run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error, json);
            ExitCode::from(error.exit_code())
        }
    }
}
