//! `tornadod setup-link`, `tornadod operator`

use super::Server;
use crate::failure::Failure;
use crate::output::say;
use std::io::Read as _;
use tornado_mesh::NoInput;
use tornado_mesh::auth::{Auth as _, AuthClient, PutOperator};
use tornado_shared::model::{Secret, Username};

/// Longest password accepted from standard input.
const LONGEST: u64 = 1024;

pub async fn setup_link(server: &Server) -> Result<(), Failure> {
    let auth = AuthClient::new(server.channel("auth"));
    let made = auth.setup_link(NoInput {}).await.map_err(|e| Failure::of_call("make a set-up link", &e))?;
    let Some(code) = made.code else {
        return Err(Failure::refused("an operator exists already; use `tornadod operator add NAME` for another"));
    };
    let address = server.config.admin.listen;
    let host = if address.ip().is_loopback() { "localhost".into() } else { address.ip().to_string() };
    say(&format!("http://{host}:{}/setup?code={}", address.port(), code.expose()));
    Ok(())
}

pub async fn add(server: &Server, name: Username, password_stdin: bool) -> Result<(), Failure> {
    let password = if password_stdin { from_stdin()? } else { ask()? };
    let auth = AuthClient::new(server.channel("auth"));
    let input = PutOperator { name, password };
    let operator = auth.put_operator(input).await.map_err(|e| Failure::of_call("make the operator", &e))?;
    say(&format!("operator '{}' can log in to the console now", operator.name));
    Ok(())
}

fn from_stdin() -> Result<Secret, Failure> {
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
