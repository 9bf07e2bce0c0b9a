//! Passwords from the terminal or from standard input.

use crate::failure::Failure;
use std::io::Read as _;
use tornado_shared::model::Secret;

/// Longest password accepted from standard input, bytes.
const LONGEST: u64 = 1024;

/// A new password: the first line of standard input, or asked for twice.
pub fn new(from_stdin: bool) -> Result<Secret, Failure> {
    if from_stdin { first_line() } else { ask("Password: ", true) }
}

/// Shortest new passphrase, characters.
const SHORTEST: usize = 12;

/// The passphrase of a backup; a new one is asked for twice and must not be short.
pub fn passphrase(from_stdin: bool, is_new: bool) -> Result<Secret, Failure> {
    let passphrase = if from_stdin { first_line()? } else { ask("Passphrase: ", is_new)? };
    if is_new && passphrase.expose().chars().count() < SHORTEST {
        let hint = "whoever finds the file can try as many as they like";
        return Err(Failure::usage(format!("the passphrase must have at least {SHORTEST} characters: {hint}")));
    }
    Ok(passphrase)
}

fn first_line() -> Result<Secret, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST).read_to_string(&mut text);
    read.map_err(|e| Failure::usage(format!("cannot read the password: {e}")))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::usage("nothing came on standard input"));
    }
    Ok(Secret::new(line))
}

fn ask(text: &str, twice: bool) -> Result<Secret, Failure> {
    let prompt = |text: &str| {
        let hint = "cannot ask without a terminal; give it on standard input (see --help)";
        rpassword::prompt_password(text).map(Secret::new).map_err(|e| Failure::usage(format!("{hint} ({e})")))
    };
    let first = prompt(text)?;
    if twice && first.expose() != prompt("Again: ")?.expose() {
        return Err(Failure::usage("the two differ; nothing was changed"));
    }
    Ok(first)
}
