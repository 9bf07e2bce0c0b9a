//! The operator commands. Most of them call a service over its socket.

mod accounts;
pub mod args;
pub mod backup;
pub mod doctor;
mod keys;
pub mod logs;
pub mod machine;
pub mod manual;
pub mod migrate;
mod password;
mod services;

use crate::cli::{Invite, Operators, Session};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;
use accounts::{audit, device, import, invite, operator, user};
use nix::unistd::User;
use serde::Serialize;
use services::{metrics, sessions, status, tor};
use tornado_contracts::ServiceName;
use tornado_contracts::master::{self, Action};
use tornado_rpc::{Channel, RequestId};
use tornado_runtime::socket_path;

/// Runs a command.
pub fn run(command: Operators, config: Config) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::failed(format!("cannot start the runtime: {e}")))?;
    let server = Server { config };
    let work = async {
        match command {
            Operators::Status { json } => status::status(&server, json).await,
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
            Operators::Invite(Invite::Create { user, devices, expires, host, json, qr }) => {
                let wish = invite::Wish { user, devices, expires, host };
                invite::create(&server, wish, json, qr).await
            }
            Operators::Session(Session::List { json }) => sessions::list(&server, json).await,
            Operators::Session(Session::History { json, limit, user }) => {
                sessions::history(&server, user, limit, json).await
            }
            Operators::Session(Session::Disconnect { device_id }) => sessions::close(&server, device_id).await,
            Operators::Events => sessions::events(&server).await,
            Operators::Tor(command) => tor::run(&server, command).await,
            Operators::Logs(command) => logs::run(&server, command).await,
            Operators::Metrics(args) => metrics::run(&server, &args).await,
        }
    };
    // Lines that this command causes in services have its id.
    runtime.block_on(RequestId::random().scope(work))
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
fn blocking<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}

fn say_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    output::say(&json_text(value)?);
    Ok(())
}

fn json_text<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|e| Failure::failed(format!("cannot print: {e}")))
}

fn unix_now() -> i64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
