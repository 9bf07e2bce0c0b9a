//! `cargo xtask …`: all tasks of this tree.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line program prints its results")]

mod bench;
mod dist;
mod docs;
mod fuzz;
mod lab;
mod machine;
mod shell;
mod test;
mod up;
mod web;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, runs, tests and measures Tornado VPN")]
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
    /// Network namespaces with a server, devices and a web server, on this machine
    #[command(subcommand)]
    Lab(lab::LabTask),
    /// Runs checks and tests: all, or the given suites
    Test(test::Test),
    /// Fuzzes the parsers: all, or the given targets
    Fuzz(fuzz::Fuzz),
    /// Runs benches: all, or the given ones
    Bench(bench::Words),
    /// Installs missing packages for building and testing
    Install(machine::Install),
    /// Builds the console's files for the browser, which the server reads from `target/console`
    Web(web::Web),
    /// Builds the packages of server and client
    Dist(dist::Dist),
    /// Builds the documents as a book with search, in `target/book`; the first call installs its renderer
    Docs(docs::Docs),
    /// Checks the tree for long files and forbidden words; part of `test`
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
        Task::Web(web) => web.run().map(|()| ExitCode::SUCCESS),
        Task::Dist(dist) => dist.run().map(|()| ExitCode::SUCCESS),
        Task::Docs(docs) => docs.run().map(|()| ExitCode::SUCCESS),
        Task::LintTree => Ok(test::lint_tree()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use tornado_e2e_documents::{check_command, commands, read, undocumented};

    #[test]
    fn tasks_in_the_documents_exist() {
        let (program, documents, mut wrong) = (Cli::command(), read(env!("CARGO_MANIFEST_DIR")).unwrap(), Vec::new());
        for command in documents.iter().flat_map(|one| commands(one, "cargo xtask")) {
            wrong.extend(check_command(&program, &command).err().map(|why| format!("{}: {why}", command.place)));
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
        let missing = undocumented(&program, "cargo xtask", &documents);
        assert!(missing.is_empty(), "no document names: {}", missing.join(", "));
    }
}
