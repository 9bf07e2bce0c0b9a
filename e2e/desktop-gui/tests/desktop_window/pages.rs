//! The pages of the settings: kill switch, networks outside the tunnel, captive portal, report, log, licences.

use crate::account;
use crate::site::Site;
use anyhow::{Context as _, ensure};
use tornado_e2e_desktop_gui::driver::Window;

#[test]
fn the_pages_of_the_settings_do_what_they_say() {
    let site = Site::up().unwrap();
    site.enrol().unwrap();
    site.drive(async |window| {
        window.heading("Not connected").await?;
        lockdown(&site, window).await?;
        networks(&site, window).await?;
        unlocked(&site, window).await?;
        portal(&site, window).await?;
        report(&site, window).await?;
        about(&site, window).await?;
        account::factor(&site, window).await?;
        account::profiles(&site, window).await
    })
    .unwrap();
}

/// Whether the device reaches a page of the internet within 3 s.
fn reaches(site: &Site) -> bool {
    let address = format!("http://{}/", site.world.world.internet.http_v4());
    site.host().exec(&["curl", "-sS", "--fail", "--max-time", "3", &address]).is_ok()
}

/// The lockdown policy of the helper.
fn policy(site: &Site) -> serde_json::Value {
    site.status().map(|status| status["lockdown_policy"].clone()).unwrap_or_default()
}

async fn lockdown(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.open_page("Change: Kill switch", "Kill switch").await?;
    ensure!(reaches(site), "without a tunnel, traffic flows");
    site.look(window, "lockdown").await?;
    window.click("#mode-always").await?;
    window.shows("Nothing leaves this device from now on until you connect.").await?;
    ensure!(site.status()?["lockdown_policy"]["mode"] == "auto", "nothing changes before the button");
    site.look(window, "lockdown-always").await?;
    window.press("Apply").await?;
    window.until("the mode", || policy(site)["mode"] == "always").await?;
    ensure!(!reaches(site), "nothing leaves");
    window.click("#lan").await?;
    window.until("the choice about the local network", || policy(site)["lan"] == false).await?;
    window.click("#bridges").await?;
    window.until("the choice about bridges", || policy(site)["bridges"] == true).await
}

/// An excluded network is reached although nothing else is.
async fn networks(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.open_page("Change: Networks outside the tunnel", "Networks outside the tunnel").await?;
    window.fill("#network", "0.0.0.0/0").await?;
    window.press("Add").await?;
    window.shows("This network cannot be excluded.").await?;
    let network = format!("{}/24", site.world.world.internet.http_v4().ip());
    window.fill("#network", &network).await?;
    window.press("Add").await?;
    window.wait("return document.querySelectorAll('.rows > li').length === 1").await?;
    ensure!(reaches(site), "{} is reached: {}", network, site.status()?["split"]);
    site.look(window, "networks").await?;
    window.click(".rows > li button").await?;
    window.shows("none").await?;
    ensure!(!reaches(site) && site.status()?["split"]["networks"] == serde_json::json!([]), "removed");
    Ok(())
}

/// The main screen says that traffic is blocked; the way back is the same page.
async fn unlocked(site: &Site, window: &Window) -> anyhow::Result<()> {
    // Escape leads back twice.
    window.keys("\u{e00c}").await?;
    window.heading("Settings").await?;
    window.keys("\u{e00c}").await?;
    window.heading("Blocked").await?;
    window.shows("The kill switch is set to always").await?;
    site.look(window, "blocked-always").await?;
    window.open_page("Change: Kill switch", "Kill switch").await?;
    window.click("#mode-auto").await?;
    window.shows("Traffic leaves unprotected at once.").await?;
    window.press("Apply").await?;
    window.until("the mode", || policy(site)["mode"] == "auto").await?;
    ensure!(reaches(site), "released: {}", site.status()?["lockdown_policy"]);
    Ok(())
}

async fn portal(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.open_page("Open: Captive portal", "Captive portal").await?;
    window.fill("#address", "portal.example.net").await?;
    window.press("Open for 60 seconds").await?;
    window.shows("This is not an IP address.").await?;
    window.fill("#address", "192.0.2.1").await?;
    window.press("Open for 60 seconds").await?;
    window.shows("192.0.2.1 can be reached outside the tunnel for").await?;
    ensure!(site.status()?["portal"]["address"] == "192.0.2.1", "{}", site.status()?);
    site.look(window, "portal").await
}

async fn report(site: &Site, window: &Window) -> anyhow::Result<()> {
    let text = async || -> anyhow::Result<String> {
        window.wait("return document.querySelector('.lines').innerText.includes('== ')").await?;
        let text = window.client().execute("return document.querySelector('.lines').innerText", Vec::new()).await?;
        Ok(text.as_str().context("no text")?.to_owned())
    };
    window.open_page("Report", "Report").await?;
    let redacted = text().await?;
    ensure!(redacted.contains("tornado_device") && redacted.contains("helper.log"), "{redacted}");
    ensure!(redacted.contains("<user>") && !redacted.contains("\"ada\""), "{redacted}");
    site.look(window, "report").await?;
    window.choose("#redaction", "none").await?;
    window.wait("return document.querySelector('.lines').innerText.includes('\"ada\"')").await?;
    window.press("Save").await?;
    window.shows("Saved as ").await?;
    let saved: Vec<_> = std::fs::read_dir(site.home())?.flatten().map(|entry| entry.path()).collect();
    let is_report = |path: &&std::path::PathBuf| path.extension().is_some_and(|extension| extension == "txt");
    let path = saved.iter().find(is_report).with_context(|| format!("no report in {saved:?}"))?;
    ensure!(std::fs::read_to_string(path)?.contains("\"ada\""), "what was shown is saved");
    window.open_page("Log", "Log").await?;
    window.wait("return document.querySelector('.lines').innerText.includes('INFO lockdown policy set')").await?;
    site.look(window, "log").await
}

async fn about(site: &Site, window: &Window) -> anyhow::Result<()> {
    window.open_page("About", "About").await?;
    window.wait("return /^tauri \\d.*: .*MIT/m.test(document.querySelector('.lines').innerText)").await?;
    window.shows("Ctrl+Enter").await?;
    site.look(window, "about").await?;
    // The shortcuts press what is on the screen.
    window.keys("\u{e00c}").await?;
    window.heading("Settings").await?;
    window.keys("\u{e00c}").await?;
    window.heading("Not connected").await?;
    window.keys("\u{e009}\u{e007}").await?;
    window.heading("Connected").await?;
    window.keys("\u{e009}\u{e007}").await?;
    window.heading("Not connected").await
}
