//! Shell completions and manual pages, generated from the definition of the command line.

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::say;
use clap::CommandFactory as _;
use std::path::Path;

/// Writes shell completions to standard output.
pub fn completions(shell: clap_complete::Shell) {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tornadod", &mut text);
    say(String::from_utf8_lossy(&text).trim_end());
}

/// Writes `tornadod.1` and one page for each sub-command.
pub fn pages(directory: &Path) -> Result<(), Failure> {
    clap_mangen::generate_to(Cli::command(), directory)
        .map_err(|e| Failure::failed(format!("cannot write manual pages to {}: {e}", directory.display())))
}
