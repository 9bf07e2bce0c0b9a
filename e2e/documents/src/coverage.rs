//! Whether documents, manual pages and completions have everything that a program has.

use crate::commands::{commands, paths};
use crate::text::Document;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// Commands without visible sub-commands, as `user add`, that no document names.
#[must_use]
pub fn undocumented(program: &clap::Command, name: &str, documents: &[Document]) -> Vec<String> {
    let named: BTreeSet<String> =
        documents.iter().flat_map(|document| commands(document, name)).flat_map(|one| paths(program, &one)).collect();
    let mut wanted = Vec::new();
    leaves(program, "", &mut wanted);
    wanted.into_iter().filter(|path| !named.contains(path)).collect()
}

fn leaves(command: &clap::Command, path: &str, all: &mut Vec<String>) {
    for below in visible(command) {
        let path = format!("{path} {}", below.get_name()).trim_start().to_owned();
        match visible(below).next() {
            Some(_) => leaves(below, &path, all),
            None => all.push(path),
        }
    }
}

fn visible(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
}

/// Commands and options that the manual pages in `directory` lack. There is a page for each command.
///
/// # Errors
///
/// Fails if a page exists but cannot be read.
pub fn missing_in_pages(program: &clap::Command, directory: &Path) -> io::Result<Vec<String>> {
    let mut program = program.clone();
    program.build();
    let mut missing = Vec::new();
    of_pages(&program, program.get_name(), directory, &mut missing)?;
    Ok(missing)
}

fn of_pages(command: &clap::Command, name: &str, directory: &Path, missing: &mut Vec<String>) -> io::Result<()> {
    let path = directory.join(format!("{name}.1"));
    if !path.is_file() {
        missing.push(format!("{name}.1"));
        return Ok(());
    }
    // roff writes a hyphen as `\-`.
    let page = std::fs::read_to_string(path)?.replace('\\', "");
    let has = |word: &str| page.contains(word);
    missing.extend(options(command).filter(|option| !has(option)).map(|option| format!("{name}.1: {option}")));
    for below in visible(command) {
        let name = format!("{name}-{}", below.get_name());
        if !has(&name) {
            missing.push(format!("a reference to {name}.1"));
        }
        of_pages(below, &name, directory, missing)?;
    }
    Ok(())
}

/// Commands and options that a script of completions lacks.
#[must_use]
pub fn missing_in_completions(program: &clap::Command, script: &str) -> Vec<String> {
    let mut program = program.clone();
    program.build();
    let mut missing = Vec::new();
    of_script(&program, script, &mut missing);
    missing
}

fn of_script(command: &clap::Command, script: &str, missing: &mut Vec<String>) {
    missing.extend(options(command).filter(|option| !script.contains(option.as_str())));
    for below in visible(command) {
        if !script.contains(below.get_name()) {
            missing.push(below.get_name().to_owned());
        }
        of_script(below, script, missing);
    }
}

fn options(command: &clap::Command) -> impl Iterator<Item = String> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown.filter_map(|arg| arg.get_long()).map(|long| format!("--{long}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command as Definition;

    #[test]
    fn a_command_that_no_document_names_is_found() {
        let user = Definition::new("user").subcommands(["add", "list"].map(Definition::new));
        let program = Definition::new("p").subcommands([user, Definition::new("run"), Definition::new("stop")]);
        let text = "`p user list|show`, `p run FILE`".to_owned();
        let documents = [Document { path: "a.md".into(), text }];
        assert_eq!(undocumented(&program, "p", &documents), ["user add", "stop"]);
        assert_eq!(missing_in_completions(&program, "user add run stop --help"), ["list"]);
        let pages = missing_in_pages(&program, Path::new("/nonexistent")).unwrap();
        assert_eq!(pages, ["p.1"]);
    }
}
