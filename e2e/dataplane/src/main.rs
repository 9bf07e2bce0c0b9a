//! The programs of `cargo xtask bench dataplane`: our tunnels without a server, and the load generator.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line program prints its results")]

mod floor;
mod load;
mod tunnel;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Tunnels and load generator for measurements of the data plane")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs a WireGuard tunnel with one peer until killed
    Tunnel(tunnel::Words),
    /// Encrypts packets between a TUN device and a UDP socket, without a protocol, until killed
    Floor(floor::Words),
    /// Receives the data of `stream` and `datagrams` until killed
    Sink(load::SinkWords),
    /// Sends over TCP and measures the latency of small requests at the same time
    Stream(load::StreamWords),
    /// Sends datagrams at a fixed rate and counts those that arrive
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
