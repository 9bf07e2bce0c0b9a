//! The operator commands. Most of them call a service over its socket.

mod accounts;
pub mod args;
pub mod backup;
pub mod doctor;
#[cfg(test)]
mod documents_tests;
mod keys;
pub mod logs;
pub mod machine;
pub mod manual;
pub mod migrate;
mod password;
mod services;

use crate::cli::{Invite, Operators};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;
use accounts::{audit, device, import, invite, operator, user};
use anyhow::Context as _;
use args::Format;
use futures::{Stream, StreamExt as _};
use nix::unistd::User;
use serde::Serialize;
use services::{metrics, sessions, status, tor};
use tornado_contracts::ServiceName;
use tornado_contracts::master::{self, Action};
use tornado_rpc::{Channel, RequestId};
use tornado_runtime::socket_path;

/// Runs a command.
pub fn run(command: Operators, config: Config) -> Result<(), Failure> {
    let server = Server { config };
    let work = async {
        match command {
            Operators::Status(Format { json }) => status::status(&server, json).await,
            Operators::Start { service } => status::control(&server, service, Action::Start).await,
            Operators::Stop { service } => status::control(&server, service, Action::Stop).await,
            Operators::Restart { service } => status::control(&server, service, Action::Restart).await,
            Operators::SetupLink => operator::setup_link(&server).await,
            Operators::Operator(command) => operator::run(&server, command).await,
            Operators::Import(args) => import::run(&server, &args).await,
            Operators::User(command) => user::run(&server, command).await,
            Operators::Device(command) => device::run(&server, command).await,
            Operators::Audit(command) => audit::run(&server, command).await,
            Operators::Keys(command) => keys::run(&server, command).await,
            Operators::Invite(Invite::Create(wish)) => invite::create(&server, wish).await,
            Operators::Session(command) => sessions::run(&server, command).await,
            Operators::Events => sessions::events(&server).await,
            Operators::Tor(command) => tor::run(&server, command).await,
            Operators::Logs(command) => logs::run(&server, command).await,
            Operators::Metrics(args) => metrics::run(&server, &args).await,
        }
    };
    // Lines that this command causes in services have its id.
    blocking(RequestId::random().scope(work))?
}

/// Prints the effective configuration. It was validated when it was loaded.
pub fn check_config(config: &Config) -> Result<(), Failure> {
    let text = toml::to_string(config).map_err(|e| Failure::failed(format!("cannot print the configuration: {e}")))?;
    output::say(&format!("# The configuration is valid. Effective values:\n{text}"));
    match config.public_host() {
        Some(host) => output::say(&format!("# Devices reach this server at {host}")),
        None => output::say("# This machine has no address; set [server] host"),
    }
    Ok(())
}

/// A client of the running server.
struct Server {
    config: Config,
}

impl Server {
    fn channel(&self, service: ServiceName) -> Channel {
        Channel::new(socket_path(&self.config.paths.run, service.as_str()))
    }

    fn master(&self) -> Channel {
        Channel::new(socket_path(&self.config.paths.run, master::SOCKET))
    }
}

/// The text for a service that does not respond.
fn silent(service: ServiceName) -> String {
    format!("unknown; service {service} does not respond")
}

/// The Unix user of a service: its name, and its entry in the user database.
fn unix_user(service: ServiceName) -> (&'static str, Option<User>) {
    let name = service.unix_user();
    (name, User::from_name(name).ok().flatten())
}

/// Runs a future to completion.
pub fn blocking<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("cannot start the runtime")?.block_on(future))
}

fn say_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    output::say(&json_text(value)?);
    Ok(())
}

fn json_text<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|e| Failure::failed(format!("cannot print: {e}")))
}

/// Prints a value as JSON if `json` is set, otherwise with `print`.
fn show<T: Serialize>(json: bool, value: &T, print: impl FnOnce(&T)) -> Result<(), Failure> {
    if json {
        return say_json(value);
    }
    print(value);
    Ok(())
}

/// Prints each event of a stream of `service` as a line of JSON.
async fn follow<T: Serialize>(service: ServiceName, mut events: impl Stream<Item = T> + Unpin) -> Result<(), Failure> {
    while let Some(event) = events.next().await {
        output::say(&serde_json::to_string(&event).map_err(|e| Failure::failed(format!("cannot print: {e}")))?);
    }
    Err(Failure::failed(format!("the stream ended because service {service} ended; run the command again")))
}
