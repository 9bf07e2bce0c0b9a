//! Command lines in documents, and whether a program has them.

use crate::text::{Document, Place};
use clap::{Arg, ArgAction};

/// A command line in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Where it is.
    pub place: Place,
    /// The line as written.
    pub text: String,
    /// True in a fenced block, where it is complete; in a sentence it may lack arguments.
    pub is_complete: bool,
}

/// Command lines of `program` (`tornadod`, `cargo xtask`), in fenced blocks and in backticks.
#[must_use]
pub fn commands(document: &Document, program: &str) -> Vec<Command> {
    let mut all = Vec::new();
    for block in document.blocks().into_iter().filter(|block| ["", "sh"].contains(&block.language.as_str())) {
        for (index, line) in block.text.lines().enumerate() {
            let place = Place { path: document.path.clone(), line: block.place.line + index };
            all.extend(of_line(line, program).map(|text| Command { place: place.clone(), text, is_complete: true }));
        }
    }
    for (place, code) in document.code() {
        all.extend(of_line(&code, program).map(|text| Command { place: place.clone(), text, is_complete: false }));
    }
    all
}

/// The commands of a line of shell: without comments, `sudo`, and what follows a pipe or a redirection.
fn of_line(line: &str, program: &str) -> impl Iterator<Item = String> {
    let line = line.split(" #").next().unwrap_or_default();
    let parts: Vec<String> = line.split([';', '&']).map(|part| part.trim().to_owned()).collect();
    parts.into_iter().filter_map(move |part| {
        let part = part.split(" | ").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
        let rest = part.strip_prefix("sudo ").unwrap_or(part).strip_prefix(program)?;
        (rest.starts_with(' ') && !rest.trim().is_empty()).then(|| rest.trim().to_owned())
    })
}

/// Compares a command line with the definition of the program. Values are not parsed, because documents have names in
/// their place. Words in brackets are optional, words with `|` are alternatives, and `…` stands for further words.
///
/// # Errors
///
/// Returns what the program does not have.
pub fn check_command(program: &clap::Command, command: &Command) -> Result<(), String> {
    let mut program = program.clone();
    program.build();
    let words = split(&command.text);
    // A list of alternatives gives their names only.
    let is_complete = command.is_complete && !words.iter().any(|word| word.contains('|'));
    for words in variants(&words) {
        check(&program, &words, is_complete)?;
    }
    Ok(())
}

/// The sub-commands that a line names, as `user add`; one for each alternative.
pub(crate) fn paths(program: &clap::Command, command: &Command) -> Vec<String> {
    let path = |words: Vec<String>| {
        let (mut below, mut names) = (program, Vec::new());
        for word in words {
            let Some(found) = below.find_subcommand(&word) else { break };
            names.push(word);
            below = found;
        }
        names.join(" ")
    };
    variants(&split(&command.text)).into_iter().map(path).collect()
}

/// Splits at spaces outside of quotes. Brackets are their own words.
fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    for c in text.chars() {
        match (c, quote) {
            (_, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => (quote, is_word) = (Some(c), true),
            (' ' | '[' | ']', None) => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
                if c != ' ' {
                    words.push(c.to_string());
                }
            }
            (_, _) => {
                // Inside of quotes, these characters have no meaning.
                word.push(if quote.is_some() && matches!(c, '|' | '[' | ']' | '…') { '_' } else { c });
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

/// Every reading of a line: each alternative, with and without the words in brackets.
fn variants(words: &[String]) -> Vec<Vec<String>> {
    let Some((first, rest)) = words.split_first() else { return vec![Vec::new()] };
    if first == "[" {
        let end = rest.iter().position(|word| word == "]").unwrap_or(rest.len());
        let (inside, after) = (rest.get(..end).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default());
        let with = [inside, after].concat();
        return [variants(&with), variants(after)].concat();
    }
    let rest = variants(rest);
    let with = |one: &str| {
        let start = move |tail: &Vec<String>| [vec![one.to_owned()], tail.clone()].concat();
        rest.iter().map(start).collect::<Vec<_>>()
    };
    first.split('|').flat_map(with).collect()
}

fn check(program: &clap::Command, words: &[String], is_complete: bool) -> Result<(), String> {
    let (mut command, mut places, mut is_cut) = (program, 0, false);
    let mut name = program.get_name().to_owned();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let missing = || Err(format!("`{name}` has no `{word}`"));
        if word == "--" {
            return Ok(());
        }
        if word.contains('…') {
            is_cut = true;
            continue;
        }
        if let Some(option) = word.strip_prefix("--") {
            let (long, value) = option.split_once('=').map_or((option, None), |(long, value)| (long, Some(value)));
            if ["help", "version"].contains(&long) {
                return Ok(());
            }
            let has_name =
                |arg: &&Arg| arg.get_long() == Some(long) || arg.get_all_aliases().unwrap_or_default().contains(&long);
            let Some(arg) = command.get_arguments().find(has_name) else { return missing() };
            if takes_value(arg) {
                match value.or_else(|| words.next().map(String::as_str)) {
                    Some(value) => check_value(&name, arg, value)?,
                    None if is_complete => return Err(format!("`{name}`: --{long} needs a value")),
                    None => {}
                }
            }
        } else if let Some(below) = command.find_subcommand(word) {
            (command, places) = (below, 0);
            name = format!("{name} {word}");
        } else if let Some(arg) = command.get_positionals().nth(places) {
            check_value(&name, arg, word)?;
            let takes_more = arg.get_num_args().is_some_and(|count| count.max_values() > 1);
            places += usize::from(!takes_more);
        } else {
            return missing();
        }
    }
    if is_complete && !is_cut && command.is_subcommand_required_set() {
        return Err(format!("`{name}` needs a sub-command"));
    }
    let lacks = |arg: &&Arg| arg.is_required_set() && arg.get_index().is_some_and(|index| index > places);
    match command.get_positionals().find(lacks).filter(|arg| is_complete && !is_cut && !takes_many(arg)) {
        Some(arg) => Err(format!("`{name}` needs {}", arg.get_id())),
        None => Ok(()),
    }
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn takes_many(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|count| count.max_values() > 1)
}

/// A value in lower-case letters is one of the possible ones; other words are names of values.
fn check_value(name: &str, arg: &Arg, value: &str) -> Result<(), String> {
    let possible = arg.get_possible_values();
    let is_literal = value.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    if possible.is_empty() || !is_literal || possible.iter().any(|one| one.matches(value, false)) {
        return Ok(());
    }
    Err(format!("`{name}`: {} is not `{value}`", arg.get_id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command as Definition;
    use clap::builder::PossibleValuesParser;

    fn program() -> Definition {
        let lane = Arg::new("lane").required(true).value_parser(PossibleValuesParser::new(["direct", "tor"]));
        let json = Arg::new("json").long("json").action(ArgAction::SetTrue).global(true);
        let show = Definition::new("show").arg(Arg::new("name")).arg(Arg::new("limit").long("limit"));
        Definition::new("p").arg(json).subcommands([
            Definition::new("lane").arg(lane),
            Definition::new("user").subcommand_required(true).subcommand(show),
        ])
    }

    fn checked(text: &str, is_complete: bool) -> Result<(), String> {
        let place = Place { path: "a.md".into(), line: 1 };
        check_command(&program(), &Command { place, text: text.into(), is_complete })
    }

    #[test]
    fn commands_of_a_document_are_found() {
        let text = "Run `p lane tor` or `pp x`.\n\n```sh\nsudo p user show A --json | jq; p lane direct   # p no\n```\n\
                    ```toml\np x\n```\n";
        let found = commands(&Document { path: "a.md".into(), text: text.into() }, "p");
        let found: Vec<_> = found.iter().map(|one| (one.place.line, one.text.as_str(), one.is_complete)).collect();
        assert_eq!(found, [(4, "user show A --json", true), (4, "lane direct", true), (1, "lane tor", false)]);
    }

    #[test]
    fn what_a_program_has_is_accepted() {
        for text in
            ["lane direct|tor", "lane LANE --json", "user show [NAME] [--limit N]", "user …", "user show 'a [b|c'"]
        {
            assert_eq!(checked(text, true), Ok(()), "{text}");
        }
        for text in ["lane", "user", "user show --limit"] {
            assert!(checked(text, false).is_ok() && checked(text, true).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_program_does_not_have_is_refused() {
        for text in ["lanes", "lane both", "lane direct|both", "lane tor --limit 1", "user show A B", "user list"] {
            assert!(checked(text, true).is_err() && checked(text, false).is_err(), "{text}");
        }
    }
}
