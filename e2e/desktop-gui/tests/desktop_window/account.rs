//! The account: second factor and server profiles.

use crate::site::{PASSWORD, Site, code};
use anyhow::{Context as _, ensure};
use tornado_e2e_desktop_gui::driver::Window;

/// Sets the second factor up with its first code, and removes it again.
pub async fn factor(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.open_page("Change: Second factor", "Second factor").await?;
    site.look(window, "factor").await?;
    window.fill("#password", "a wrong password").await?;
    window.press("Set it up").await?;
    window.shows("Account name or password is wrong.").await?;
    window.fill("#password", PASSWORD).await?;
    window.press("Set it up").await?;
    window.shows("Scan this with an authenticator app.").await?;
    window.wait("return document.querySelector('.qr path').getAttribute('d').length > 1000").await?;
    site.look(window, "factor-code").await?;
    let secret = window.client().execute("return document.querySelector('#secret').innerText", Vec::new()).await?;
    window.fill("#code", &code(secret.as_str().context("no secret")?)?).await?;
    window.press("Confirm").await?;
    window.shows("Codes are required from now on.").await?;
    window.wait("return document.querySelectorAll('.recovery li').length === 10").await?;
    site.look(window, "factor-recovery").await?;
    window.press("I have stored them").await?;
    window.heading("Settings").await?;
    window.press_labelled("Change: Second factor").await?;
    window.fill("#password", PASSWORD).await?;
    window.press("Remove it").await?;
    window.shows("The second factor is removed.").await
}

/// Joins a second time under another name, changes between the two, renames one and removes the other.
pub async fn profiles(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.open_page("Change: Servers", "Servers").await?;
    window.wait("return document.querySelectorAll('.profile').length === 1").await?;
    window.press("Add a server").await?;
    window.heading("Add a server").await?;
    site.look(window, "add-server").await?;
    window.fill("#profile", "Not A Name").await?;
    window.fill("#link", &site.invite()?).await?;
    window.fill("#username", "bob").await?;
    window.fill("#password", PASSWORD).await?;
    window.fill("#device", "laptop").await?;
    window.press("Join").await?;
    window.shows("This name cannot be used.").await?;
    window.fill("#profile", "work").await?;
    window.press("Join").await?;
    window.heading("Not connected").await?;
    ensure!(site.status()?["profile"] == "work" && site.status()?["user"] == "bob", "{}", site.status()?);
    window.open_page("Change: Servers", "Servers").await?;
    window.wait("return document.querySelectorAll('.profile').length === 2").await?;
    site.look(window, "servers").await?;
    window.press_labelled("Use: default").await?;
    window.heading("Not connected").await?;
    ensure!(site.status()?["profile"] == "default" && site.status()?["user"] == "ada", "{}", site.status()?);
    window.open_page("Change: Servers", "Servers").await?;
    window.press_labelled("Rename: default").await?;
    window.fill("#new-name", "home").await?;
    window.click(".profile button[type=submit]").await?;
    window.wait("return document.querySelector('.profile b').innerText === 'home'").await?;
    ensure!(site.status()?["profile"] == "home", "{}", site.status()?);
    window.press_labelled("Remove: work").await?;
    window.shows("this device forgets the server").await?;
    window.click(".profile .btn-danger").await?;
    window.wait("return document.querySelectorAll('.profile').length === 1").await?;
    let listed = site.device.borrow().json(&["profile", "list"])?;
    ensure!(listed["profiles"].as_array().is_some_and(|all| all.len() == 1), "{listed}");
    Ok(())
}
