//! What operators do in the console of a real server.

use crate::site::{CONSOLE, NAME, PASSWORD, drive, signed_in};
use crate::up;
use anyhow::{Context as _, ensure};
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::time::Duration;
use tornado_backup::Archive;
use tornado_e2e_console::browser::Browser;
use tornado_shared::model::Secret;

#[test]
fn the_set_up_leads_from_the_link_to_the_first_device() -> anyhow::Result<()> {
    let world = up(false)?;
    let link = world.server.cli(&["setup-link"])?.success()?.stdout.trim().to_owned();
    drive(&world, || async {
        let browser = Browser::start().await?;
        browser.resize(1440, 900).await?;
        let code = link.split_once("/setup").context("the link of the set-up")?.1;
        browser.open(&format!("{CONSOLE}/setup{code}")).await?;
        browser.fill("#name", NAME).await?;
        browser.fill("#password", PASSWORD).await?;
        browser.click("form[action='/setup'] button[type=submit]").await?;
        browser.fill("#host", "203.0.113.10").await?;
        browser.click("form[action='/setup/host'] button[type=submit]").await?;
        browser.click("form[action='/setup/invite'] button[type=submit]").await?;
        let link = browser.client().wait().for_element(fantoccini::Locator::Css("#invited-link")).await?;
        let link = link.prop("value").await?.unwrap_or_default();
        ensure!(link.contains("203.0.113.10"), "the invitation contains the address: {link}");
        ensure!(browser.text("main [role=status]").await?.contains("Waiting"), "the page waits for the device");
        let device =
            tornado_e2e_harness::DeviceProc::start(world.device_host(1)?, tornado_e2e_harness::Programs::beside())?;
        let words = ["enroll", &link, "--username", "ada", "--device-name", "lab"];
        device.cli_with_password(&words, PASSWORD)?.success()?;
        let mut text = String::new();
        for _ in 0..60 {
            text = browser.text("main [role=status]").await?;
            if text.contains("enrolled") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        ensure!(text.contains("enrolled"), "{text}");
        browser.finish().await
    })
}

#[test]
fn a_passkey_is_added_signs_in_and_is_removed() -> anyhow::Result<()> {
    let world = up(true)?;
    drive(&world, || async {
        let browser = signed_in().await?;
        browser.add_authenticator().await?;
        browser.press("Add a passkey").await?;
        browser.fill("#passkey-name", "lab key").await?;
        browser.fill("#passkey-password", PASSWORD).await?;
        browser.click("dialog[open] button[type=submit]").await?;
        ensure!(browser.text(".toast").await?.contains("lab key"), "the passkey was added");
        browser.click("form.leave button").await?;
        browser.hydrated().await?;
        browser.press("Use a passkey").await?;
        browser.text("nav a[aria-current='page'][href='/']").await?;
        browser.open(&format!("{CONSOLE}/settings")).await?;
        browser.click("section:has(#passkeys) .col-act button").await?;
        browser.fill("#old-passkey-password", PASSWORD).await?;
        browser.click("dialog[open] button[type=submit]").await?;
        browser.text("section:has(#passkeys) .empty").await?;
        browser.finish().await
    })
}

#[test]
fn a_token_is_shown_once_and_works_until_it_is_revoked() -> anyhow::Result<()> {
    let world = up(true)?;
    let host = world.lab.host("server")?;
    let users = |token: &str| -> anyhow::Result<String> {
        let header = format!("Authorization: Bearer {token}");
        let url = format!("{CONSOLE}/api/v1/users");
        Ok(host.exec(&["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", &header, &url])?.stdout)
    };
    drive(&world, || async {
        let browser = signed_in().await?;
        browser.press("New token").await?;
        browser.fill("#token-name", "grafana").await?;
        browser.click("dialog[open] input[name=scope][value='users.read']").await?;
        browser.click("dialog[open] button[type=submit]").await?;
        let field = browser.client().wait().for_element(fantoccini::Locator::Css("#created-token-text")).await?;
        let token = field.prop("value").await?.unwrap_or_default();
        ensure!(users(&token)? == "200", "the token works");
        browser.click("dialog[open] .btn-primary").await?;
        browser.click("section:has(#tokens) .col-act button").await?;
        browser.click("dialog[open] .btn-danger").await?;
        browser.text("section:has(#tokens) .empty").await?;
        ensure!(users(&token)? == "401", "the token has ended");
        browser.finish().await
    })
}

#[test]
fn a_backup_is_downloaded_after_a_confirmation() -> anyhow::Result<()> {
    const PASSPHRASE: &str = "a passphrase for tests";
    let world = up(true)?;
    let folder = tempfile::tempdir()?;
    drive(&world, || async {
        let browser = signed_in().await?;
        let path = folder.path().display().to_string();
        browser.devtools("Browser.setDownloadBehavior", json!({ "behavior": "allow", "downloadPath": path })).await?;
        browser.press("Create backup").await?;
        browser.fill("#passphrase", PASSPHRASE).await?;
        browser.click("dialog[open]:has(#passphrase) button[type=submit]").await?;
        ensure!(browser.text(".toast").await?.contains("downloaded"), "the backup was downloaded");
        let file = folder.path().join("tornado.backup");
        for _ in 0..100 {
            if file.exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let archive = Archive::open(BufReader::new(File::open(&file)?), || Ok(Secret::new(PASSPHRASE)))?;
        let manifest = archive.unpack(|_| Ok(std::io::sink()))?;
        let has_identity = manifest.files.iter().any(|entry| entry.path.as_str() == "state/auth/keys/identity.json");
        ensure!(has_identity, "the backup contains the identity");
        browser.finish().await
    })
}

#[test]
fn a_device_is_disconnected_and_a_service_restarted() -> anyhow::Result<()> {
    let world = up(true)?;
    let device = world.enrolled(1)?;
    device.json(&["connect"])?;
    world.wait_sessions(1, Duration::from_secs(30))?;
    drive(&world, || async {
        let browser = signed_in().await?;
        browser.open(&format!("{CONSOLE}/services")).await?;
        let row = "//tr[.//*[normalize-space()='telemetry']]//button[normalize-space()='Restart']";
        browser.client().wait().for_element(fantoccini::Locator::XPath(row)).await?.click().await?;
        browser.click("dialog[open] .dialog-foot .btn:last-child").await?;
        ensure!(browser.text(".toast").await?.contains("telemetry"), "the service restarts");
        browser.open(&format!("{CONSOLE}/sessions")).await?;
        browser.click("tbody th a").await?;
        browser.press("Disconnect").await?;
        browser.click("dialog[open] .btn-danger").await?;
        ensure!(browser.text(".toast").await?.contains("disconnected"), "the session was closed");
        browser.finish().await
    })
}
