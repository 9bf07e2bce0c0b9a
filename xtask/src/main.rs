//! `cargo xtask …`: everything that is done with this tree, in one place.

#![expect(clippy::print_stdout, reason = "a command line talks to people")]

mod bench;
mod fuzz;
mod lab;
mod machine;
mod shell;
mod test;
mod up;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, starts, plays with and tests Tornado VPN")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the server, installs it on this machine and starts it; a second run changes nothing
    Up(up::Up),
    /// Stops what `up` started
    Down(up::Down),
    /// A small internet of network namespaces with a server and devices in it
    #[command(subcommand)]
    Lab(lab::LabTask),
    /// Runs the checks and the tests: all, or the suites named
    Test(test::Test),
    /// Attacks parsers with bytes that grow cleverer: all, or those named
    Fuzz(fuzz::Fuzz),
    /// Measures: all benches, or those named
    Bench(bench::Words),
    /// Installs what building and testing need and this machine lacks
    Install(machine::Install),
    /// Looks for overlong files and forbidden words; part of `test`
    LintTree,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<ExitCode> {
    match task {
        Task::Up(up) => up.run().map(|()| ExitCode::SUCCESS),
        Task::Down(down) => down.run().map(|()| ExitCode::SUCCESS),
        Task::Lab(lab) => lab.run(),
        Task::Test(test) => test.run(),
        Task::Fuzz(fuzz) => fuzz.run(),
        Task::Bench(bench) => bench.run(),
        Task::Install(install) => install.run().map(|()| ExitCode::SUCCESS),
        Task::LintTree => test::lint_tree(),
    }
}
