//! The programs of `cargo xtask bench control`: a fleet of devices that only speak the device API, and the peers that
//! the server is compared with.

#![expect(clippy::print_stdout, reason = "a command line answers on its standard output")]

mod device;
mod fleet;
mod http;
mod raw;
mod times;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Load for measurements of the control plane")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Does what it is told on its standard input, a line of JSON each, and answers with a line each
    Fleet(fleet::Words),
    /// Checks a password again and again, with nothing around it
    Argon2(raw::Argon2Words),
    /// Writes hashes to Redis, with nothing around it
    Redis(raw::RedisWords),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Fleet(words) => words.run(),
        Task::Argon2(words) => words.run().map(|answer| println!("{answer}")),
        Task::Redis(words) => words.run().map(|answer| println!("{answer}")),
    }
}
