//! Screens besides the usual way: settings, other languages, a helper that is away, a blocked tunnel.

use crate::names;
use crate::site::Site;
use anyhow::ensure;
use tornado_e2e_desktop_gui::accessible;
use tornado_e2e_desktop_gui::driver::Window;

#[test]
fn controls_have_names_languages_hold_and_a_lost_helper_keeps_the_sign_in() {
    let site = Site::up().unwrap();
    site.enrol().unwrap();
    let runtime = site.runtime().unwrap();
    let bus = runtime.block_on(async { accessible::bus(&site.display.bus().await?).await }).unwrap();
    site.drive(async |window| {
        names::names(&bus, window).await?;
        settings(&site, window).await?;
        languages(&site, window).await?;
        helper_away(&site, window).await?;
        blocked(&site, window).await
    })
    .unwrap();
}

async fn settings(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.click("header button[aria-label='Settings']").await?;
    window.heading("Settings").await?;
    window.choose("#theme", "dark").await?;
    window.wait("return document.documentElement.dataset.theme === 'dark'").await?;
    window.click("#start-login").await?;
    let entry = site.home().join("autostart/org.tornado.client.desktop");
    window.until("the file for the start at login", || entry.is_file()).await?;
    window.click("#start-login").await?;
    window.until("the file to be removed", || !entry.exists()).await?;
    site.look(window, "settings").await?;
    // A new page, as after a restart.
    window.client().refresh().await?;
    window.heading("Not connected").await?;
    window.wait("return document.documentElement.dataset.theme === 'dark'").await
}

async fn languages(site: &Site, window: &Window) -> anyhow::Result<()> {
    for (tag, title) in [("de", "Einstellungen"), ("es", "Ajustes"), ("fa", "تنظیمات")] {
        window.click("header button").await?;
        window.choose("#language", tag).await?;
        window.heading(title).await?;
        window.click("header button").await?;
        let name = format!("disconnected-{tag}");
        window.wait(&format!("return document.documentElement.lang === '{tag}'")).await?;
        site.look(window, &name).await?;
    }
    window.wait("return getComputedStyle(document.body).direction === 'rtl'").await?;
    window.click("header button").await?;
    site.look(window, "settings-fa").await?;
    window.choose("#language", "en").await?;
    window.heading("Settings").await?;
    window.click("header button").await?;
    window.heading("Not connected").await
}

async fn helper_away(site: &Site, window: &Window) -> anyhow::Result<()> {
    site.device.borrow_mut().kill_helper();
    window.heading("The helper does not respond").await?;
    window.shows("systemctl start tornado-helper").await?;
    site.look(window, "absent").await?;
    site.device.borrow_mut().start_helper()?;
    window.heading("Not connected").await?;
    ensure!(site.status()?["logged_in"] == true, "the sign-in is kept: {}", site.status()?);
    Ok(())
}

/// A helper that cannot read what is desired blocks all traffic.
async fn blocked(site: &Site, window: &Window) -> anyhow::Result<()> {
    site.device.borrow_mut().stop_helper()?;
    std::fs::write(site.device.borrow().state_dir().join("wanted.json"), "not readable")?;
    site.device.borrow_mut().start_helper()?;
    window.heading("Blocked").await?;
    window.shows("Nothing leaves this device.").await?;
    site.look(window, "blocked").await?;
    window.press("Disconnect and go unprotected").await?;
    window.press("Go unprotected").await?;
    window.heading("Not connected").await
}
