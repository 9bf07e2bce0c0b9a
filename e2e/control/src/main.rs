//! The programs of `cargo xtask bench control`: a fleet of devices that use only the device API, and the baselines that
//! the server is compared with. The bench `console` uses the fleet, too.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line program prints its results")]

mod device;
mod fleet;
mod http;
mod raw;
mod times;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Load generator for measurements of the control plane")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Executes orders from standard input, one JSON object per line, and prints a line for each
    Fleet(fleet::Words),
    /// Verifies a password repeatedly, without a server
    Argon2(raw::Argon2Words),
    /// Writes hashes to Redis, without a server
    Redis(raw::RedisWords),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Fleet(words) => words.run(),
        Task::Argon2(words) => words.run().map(|answer| println!("{answer}")),
        Task::Redis(words) => words.run().map(|answer| println!("{answer}")),
    }
}
