//! Passwords from the terminal or from standard input.

use crate::failure::Failure;
use std::io::Read as _;
use tornado_shared::model::Secret;

/// Longest password accepted from standard input, bytes.
const LONGEST: u64 = 1024;

/// A new password: the first line of standard input, or asked for twice.
pub fn new(from_stdin: bool) -> Result<Secret, Failure> {
    if from_stdin { first_line() } else { ask() }
}

fn first_line() -> Result<Secret, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST).read_to_string(&mut text);
    read.map_err(|e| Failure::usage(format!("cannot read the password: {e}")))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::usage("no password came on standard input"));
    }
    Ok(Secret::new(line))
}

fn ask() -> Result<Secret, Failure> {
    let prompt = |text: &str| {
        let hint = "cannot ask for the password without a terminal; use --password-stdin";
        rpassword::prompt_password(text).map(Secret::new).map_err(|e| Failure::usage(format!("{hint} ({e})")))
    };
    let first = prompt("Password: ")?;
    if first.expose() != prompt("Again: ")?.expose() {
        return Err(Failure::usage("the two passwords differ; nothing was changed"));
    }
    Ok(first)
}
