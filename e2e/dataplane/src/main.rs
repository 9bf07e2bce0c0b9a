//! The programs of `cargo xtask bench dataplane`: tunnels of ours without a server around them, and the load.

#![expect(clippy::print_stdout, reason = "a command line answers on its standard output")]

mod floor;
mod load;
mod tunnel;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Tunnels and load for measurements of the data plane")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// A WireGuard tunnel with one peer, until killed
    Tunnel(tunnel::Words),
    /// Sealed packets between a TUN device and a UDP socket and nothing else, until killed
    Floor(floor::Words),
    /// Takes what `stream` and `datagrams` send, until killed
    Sink(load::SinkWords),
    /// Sends over TCP and measures how long a small question takes meanwhile
    Stream(load::StreamWords),
    /// Sends datagrams at a rate and asks how many came
    Datagrams(load::DatagramWords),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Tunnel(words) => words.run(),
        Task::Floor(words) => words.run(),
        Task::Sink(words) => words.run(),
        Task::Stream(words) => words.run().map(|answer| println!("{answer}")),
        Task::Datagrams(words) => words.run().map(|answer| println!("{answer}")),
    }
}
