//! `cargo xtask web`: runs `xtask/web`, which builds the console's files for the browser. A separate program keeps
//! the crates that it needs out of this one, which every machine compiles first.

use crate::{machine, shell};
use clap::Args;
use std::process::Command;

/// What `cargo xtask web` builds.
#[derive(Args)]
pub struct Web {
    /// Words for the program; see `cargo xtask web -- --help`
    #[arg(last = true)]
    words: Vec<String>,
}

impl Web {
    /// Builds the files, unless they are up to date.
    pub fn run(&self) -> anyhow::Result<()> {
        machine::web_target()?;
        let mut words = vec!["run", "--quiet", "--package", "xtask-web", "--"];
        words.extend(self.words.iter().map(String::as_str));
        shell::run(shell::cargo(&words))
    }
}

/// The product's files in `target/console`, as `cargo xtask up` installs them.
pub fn build() -> anyhow::Result<()> {
    Web { words: Vec::new() }.run()
}

/// The files of the desktop client's window, in `target/window`.
pub fn build_window() -> anyhow::Result<()> {
    Web { words: vec!["--window".to_owned()] }.run()
}

/// The files of the desktop client's window, in `target/window`. Uses the program that the build of the tests has
/// built.
pub fn build_window_for_tests() -> anyhow::Result<()> {
    machine::web_target()?;
    let mut command = Command::new(shell::target_dir().join("debug/xtask-web"));
    command.arg("--window").current_dir(shell::root());
    shell::run(command)
}

/// The product's files, and those of the test server, which has the gallery too. Uses the program that the build of the
/// tests has built.
pub fn build_for_tests() -> anyhow::Result<()> {
    machine::web_target()?;
    let gallery = ["--package", "tornado-e2e-console", "--source", "e2e/console", "--out", "e2e-console"].as_slice();
    for words in [&[], gallery] {
        let mut command = Command::new(shell::target_dir().join("debug/xtask-web"));
        command.args(words).current_dir(shell::root());
        shell::run(command)?;
    }
    Ok(())
}
