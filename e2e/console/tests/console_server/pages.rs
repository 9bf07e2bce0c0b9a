//! Every page of a server with a device that is connected.

use crate::site::{CONSOLE, drive, signed_in};
use crate::up;
use anyhow::{Context as _, ensure};
use std::time::Duration;
use tornado_e2e_console::browser::root;

/// Each page, and what it shows of this server.
const PAGES: &[(&str, &str)] = &[
    ("/", "lab"),
    ("/sessions", "user1"),
    ("/users", "user1"),
    ("/users/user1", "lab"),
    ("/tor", "tor"),
    ("/services", "client-api"),
    ("/logs", "session"),
    ("/keys", "Access tokens"),
    ("/audit", "operator"),
    ("/settings", "server.host"),
    ("/logs/delete?range=24h", "password"),
    ("/about", "GPL-3.0-or-later"),
    ("/about/data-kept", "password_hash"),
];

#[test]
fn every_page_shows_the_server_without_an_error() -> anyhow::Result<()> {
    let world = up(true)?;
    let device = world.enrolled(1)?;
    device.json(&["connect"])?;
    world.wait_sessions(1, Duration::from_secs(30))?;
    drive(&world, || async {
        let browser = signed_in().await?;
        let mut faults = Vec::new();
        for (path, text) in PAGES {
            browser.open(&format!("{CONSOLE}{path}")).await?;
            let source = browser.client().source().await?;
            if !source.contains(text) {
                faults.push(format!("{path} does not show {text}"));
            }
            faults.extend(browser.console().await?.iter().map(|line| format!("{path}: console: {line}")));
            faults.extend(browser.violations().await?.iter().map(|one| format!("{path}: axe: {one}")));
            let name = path.trim_start_matches('/').replace(['/', '?', '='], "-");
            browser.picture(&root().join(format!("target/console-pictures/server-{name}.png"))).await?;
        }
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        browser.finish().await
    })
}

#[test]
fn a_new_session_appears_by_itself() -> anyhow::Result<()> {
    let world = up(true)?;
    let device = world.enrolled(1)?;
    drive(&world, || async {
        let browser = signed_in().await?;
        browser.open(&format!("{CONSOLE}/sessions")).await?;
        browser.text(".empty").await?;
        device.json(&["connect"])?;
        let row = browser.text("tbody th").await.context("the session")?;
        ensure!(row == "user1", "{row}");
        browser.finish().await
    })
}
