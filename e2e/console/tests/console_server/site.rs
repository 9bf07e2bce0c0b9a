//! A server in the lab with an owner, and a browser on the same machine.

use anyhow::{Context as _, ensure};
use std::io::Write as _;
use std::process::Stdio;
use tornado_e2e_console::browser::Browser;
use tornado_e2e_harness::{ServerOptions, wait_for};
use tornado_e2e_lanes::world::World;

/// Address of the console on the server. Browsers keep its cookie and allow passkeys, because the name is `localhost`.
pub const CONSOLE: &str = "http://localhost:8000";
/// Name of the owner.
pub const NAME: &str = "ann";
/// The owner's password.
pub const PASSWORD: &str = "correct horse battery";

/// Creates an operator with the owner's password.
pub fn add_operator(world: &World, name: &str, role: &str) -> anyhow::Result<()> {
    let mut command = world.server.command()?;
    command.args(["operator", "add", name, "--role", role, "--password-stdin"]).stdin(Stdio::piped());
    let mut child = command.spawn()?;
    child.stdin.take().context("no standard input")?.write_all(PASSWORD.as_bytes())?;
    ensure!(child.wait()?.success(), "the operator {name} was not created");
    Ok(())
}

/// Starts a server without operators.
pub fn up_with(options: ServerOptions) -> anyhow::Result<World> {
    let world = World::up_with(1, options)?;
    let host = world.lab.host("server")?;
    wait_for("the console", std::time::Duration::from_secs(30), || {
        Ok(host.exec(&["curl", "-sS", "-o", "/dev/null", CONSOLE]).is_ok().then_some(()))
    })?;
    Ok(world)
}

/// Drives a browser in the server's network.
pub fn drive<F>(world: &World, work: impl FnOnce() -> F + Send) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    world.lab.host("server")?.block_on(work)?
}

/// A browser that is signed in as the owner.
pub async fn signed_in() -> anyhow::Result<Browser> {
    let browser = Browser::start().await?;
    browser.resize(1440, 900).await?;
    browser.look(CONSOLE, "en", "light").await?;
    browser.sign_in(CONSOLE, "/settings", NAME, PASSWORD).await?;
    Ok(browser)
}
