//! The documents, the manual pages, the completions and the command line describe the same commands.

use super::manual;
use crate::cli::Cli;
use clap::CommandFactory as _;
use tornado_e2e_documents::{check_command, commands, missing_in_completions, missing_in_pages, read, undocumented};

#[test]
fn commands_in_the_documents_exist() {
    let (program, mut count, mut wrong) = (Cli::command(), 0, Vec::new());
    for command in read(env!("CARGO_MANIFEST_DIR")).unwrap().iter().flat_map(|one| commands(one, "tornadod")) {
        count += 1;
        wrong.extend(check_command(&program, &command).err().map(|why| format!("{}: {why}", command.place)));
    }
    assert!(count > 100, "only {count} commands were found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_command_is_documented() {
    let missing = undocumented(&Cli::command(), "tornadod", &read(env!("CARGO_MANIFEST_DIR")).unwrap());
    assert!(missing.is_empty(), "no document names: {}", missing.join(", "));
}

#[test]
fn manual_pages_and_completions_have_every_command_and_option() {
    let pages = tempfile::tempdir().unwrap();
    manual::pages(pages.path()).unwrap();
    assert_eq!(missing_in_pages(&Cli::command(), pages.path()).unwrap(), [""; 0]);
    let mut script = Vec::new();
    clap_complete::generate(clap_complete::Shell::Bash, &mut Cli::command(), "tornadod", &mut script);
    assert_eq!(missing_in_completions(&Cli::command(), &String::from_utf8(script).unwrap()), [""; 0]);
}
