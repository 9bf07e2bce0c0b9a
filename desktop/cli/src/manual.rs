//! Completions and manual pages, made from the same description as the parser.

use crate::args::Arguments;
use clap::CommandFactory as _;
use std::io;
use std::path::Path;

/// Completions of a shell on standard output.
pub(crate) fn completions(shell: clap_complete::Shell) -> io::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tornado", &mut text);
    io::Write::write_all(&mut io::stdout().lock(), &text)
}

/// `tornado.1` and one page a sub-command.
pub(crate) fn pages(directory: &Path) -> io::Result<()> {
    clap_mangen::generate_to(Arguments::command(), directory)
}
