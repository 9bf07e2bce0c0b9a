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

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_e2e_documents::{
        check_command, commands, missing_in_completions, missing_in_pages, read, undocumented,
    };

    #[test]
    fn commands_in_the_documents_exist() {
        let (program, mut count, mut wrong) = (Arguments::command(), 0, Vec::new());
        for command in read(env!("CARGO_MANIFEST_DIR")).unwrap().iter().flat_map(|one| commands(one, "tornado")) {
            count += 1;
            wrong.extend(check_command(&program, &command).err().map(|why| format!("{}: {why}", command.place)));
        }
        assert!(count > 50, "only {count} commands were found");
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    #[test]
    fn every_command_is_documented() {
        let missing = undocumented(&Arguments::command(), "tornado", &read(env!("CARGO_MANIFEST_DIR")).unwrap());
        assert!(missing.is_empty(), "no document names: {}", missing.join(", "));
    }

    #[test]
    fn manual_pages_and_completions_have_every_command_and_option() {
        let directory = tempfile::tempdir().unwrap();
        pages(directory.path()).unwrap();
        assert_eq!(missing_in_pages(&Arguments::command(), directory.path()).unwrap(), [""; 0]);
        let mut script = Vec::new();
        clap_complete::generate(clap_complete::Shell::Bash, &mut Arguments::command(), "tornado", &mut script);
        assert_eq!(missing_in_completions(&Arguments::command(), &String::from_utf8(script).unwrap()), [""; 0]);
    }
}
