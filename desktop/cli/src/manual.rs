//! Shell completions and manual pages, generated from the command-line definition.

use crate::args::Arguments;
use clap::CommandFactory as _;
use std::io;
use std::path::Path;

/// Writes the completions for `shell` to standard output.
pub(crate) fn completions(shell: clap_complete::Shell) -> io::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tornado", &mut text);
    io::Write::write_all(&mut io::stdout().lock(), &text)
}

/// Writes `tornado.1` and one page per subcommand to `directory`.
pub(crate) fn pages(directory: &Path) -> io::Result<()> {
    clap_mangen::generate_to(Arguments::command(), directory)
}
