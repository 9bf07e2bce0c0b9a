//! Reads passwords from the terminal or standard input.

use crate::failure::Failure;
use std::io::Read as _;
use tornado_shared::model::Secret;

/// Maximum length in bytes of the text on standard input.
const LONGEST: u64 = 1024;

/// Reads a new password: the first line of standard input, or two equal entries on the terminal.
pub fn new(from_stdin: bool) -> Result<Secret, Failure> {
    if from_stdin { first_line() } else { ask("Password: ", true) }
}

/// Minimum length of a new passphrase in characters.
const SHORTEST: usize = 12;

/// Reads the passphrase of a backup. A new one must be entered twice and have the minimum length.
pub fn passphrase(from_stdin: bool, is_new: bool) -> Result<Secret, Failure> {
    let passphrase = if from_stdin { first_line()? } else { ask("Passphrase: ", is_new)? };
    if is_new && passphrase.expose().chars().count() < SHORTEST {
        let hint = "anyone with the file can try any number of passphrases";
        return Err(Failure::usage(format!("the passphrase must have at least {SHORTEST} characters: {hint}")));
    }
    Ok(passphrase)
}

fn first_line() -> Result<Secret, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST).read_to_string(&mut text);
    read.map_err(|e| Failure::usage(format!("cannot read the password from standard input: {e}")))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::usage("standard input is empty; the first line must be the password"));
    }
    Ok(Secret::new(line))
}

fn ask(text: &str, twice: bool) -> Result<Secret, Failure> {
    let prompt = |text: &str| {
        let hint = "cannot prompt without a terminal; use standard input (see --help)";
        rpassword::prompt_password(text).map(Secret::new).map_err(|e| Failure::usage(format!("{hint} ({e})")))
    };
    let first = prompt(text)?;
    if twice && first.expose() != prompt("Again: ")?.expose() {
        return Err(Failure::usage("the two entries differ; nothing was changed"));
    }
    Ok(first)
}
