//! The whole way of a person: join, connect, switch, exit country, disconnect, sign out, sign in.

use crate::site::{PASSWORD, Site};
use anyhow::ensure;
use std::time::Duration;
use tornado_e2e_desktop_gui::driver::Window;
use tornado_e2e_harness::{SERVER, SITE, wait_for};

#[test]
fn a_person_joins_connects_switches_and_signs_out() {
    let site = Site::up().unwrap();
    site.drive(async |window| {
        joins(&site, window).await?;
        connects(&site, window).await?;
        switches(&site, window).await?;
        disconnects(&site, window).await?;
        signs_out_and_in(&site, window).await
    })
    .unwrap();
}

async fn joins(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.heading("Join a server").await?;
    site.look(window, "enrol").await?;
    window.fill("#link", "tornado://not-an-invitation").await?;
    window.fill("#username", "ada").await?;
    window.fill("#password", PASSWORD).await?;
    window.fill("#device", "laptop").await?;
    window.press("Join").await?;
    window.shows("not a valid invitation link").await?;
    window.fill("#link", &format!("Your invitation: {}", site.invite()?)).await?;
    window.press("Join").await?;
    window.heading("Not connected").await?;
    ensure!(site.status()?["user"] == "ada" && site.status()?["device"] == "laptop", "{}", site.status()?);
    site.look(window, "disconnected").await
}

async fn connects(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.press("Connect").await?;
    window.heading("Connected").await?;
    window.shows("All traffic leaves through your server.").await?;
    let seen = site.host().http_get(site.world.world.internet.http_v4(), "/")?.seen_as()?;
    ensure!(seen == SERVER.v4, "the traffic left as {seen}");
    site.load(window).await?;
    site.look(window, "connected-direct").await
}

async fn switches(site: &Site, window: &Window) -> anyhow::Result<()> {
    site.world.wait_open()?;
    // With the keyboard, as a group of two has it.
    window.focus(".two .is-direct").await?;
    window.keys("\u{e014}").await?;
    window.shows("All traffic leaves through Tor").await?;
    ensure!(site.status()?["lane"] == "tor", "{}", site.status()?);
    let host = site.host();
    let page = || Ok(host.exec(&["curl", "-sS", "--fail", "--max-time", "20", &format!("http://{SITE}/")]).ok());
    wait_for("traffic through Tor", Duration::from_secs(90), page)?;
    window.wait("return document.querySelectorAll('.way .way-relay').length === 3").await?;
    window.press("New identity").await?;
    window.shows("New connections use new circuits.").await?;
    window.choose("#country", "de").await?;
    let chosen = || Ok(site.device.borrow().json(&["status"])?["tor"]["exit"] == "de");
    wait_for("the chosen country", Duration::from_secs(60), || chosen().map(|is| is.then_some(())))?;
    wait_for("traffic through the country", Duration::from_secs(90), page)?;
    window.wait("return document.querySelectorAll('.way .way-relay').length === 3").await?;
    site.look(window, "connected-tor").await
}

async fn disconnects(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.press("Disconnect").await?;
    window.heading("Not connected").await?;
    ensure!(site.status()?["state"] == "disconnected", "{}", site.status()?);
    Ok(())
}

async fn signs_out_and_in(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.click("header button[aria-label='Settings']").await?;
    window.heading("Settings").await?;
    window.press_labelled("Change: Servers").await?;
    window.press("Sign out").await?;
    window.heading("Sign in").await?;
    ensure!(site.status()?["logged_in"] == false, "{}", site.status()?);
    site.look(window, "sign-in").await?;
    window.fill("#password", "a wrong password").await?;
    window.press("Sign in").await?;
    window.shows("Account name or password is wrong.").await?;
    // The server requires a code from now on, so the window asks for one.
    let recovery = site.second_factor()?;
    window.fill("#password", PASSWORD).await?;
    window.press("Sign in").await?;
    window.shows("This account has a second factor.").await?;
    site.look(window, "sign-in-code").await?;
    window.fill("#code", "000000").await?;
    window.press("Sign in").await?;
    window.shows("The code is wrong or was used already.").await?;
    window.fill("#code", &recovery).await?;
    window.press("Sign in").await?;
    window.heading("Not connected").await
}
