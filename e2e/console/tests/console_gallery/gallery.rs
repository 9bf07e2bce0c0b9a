//! The gallery of parts and every page with invented data, in Chromium, under the content policy.

use crate::support::{Browser, root, serve, serve_gallery};
use anyhow::ensure;
use fantoccini::Locator;
use tornado_e2e_console::sample::PAGES;

/// Opens the gallery and every page, and collects what is wrong with them.
async fn check(lang: &str, theme: &str, width: u32) -> anyhow::Result<()> {
    let (base, gallery) = (serve().await?, serve_gallery().await?);
    let browser = Browser::start().await?;
    browser.resize(width, 900).await?;
    // Cookies do not depend on the port.
    browser.look(&base, lang, theme).await?;
    let mut faults = Vec::new();
    let pages = PAGES.iter().map(|(path, name)| (format!("{base}{path}"), *path, *name));
    for (address, path, name) in [(format!("{gallery}/"), "gallery", "gallery")].into_iter().chain(pages) {
        browser.open(&address).await?;
        let picture = root().join(format!("target/console-pictures/{name}-{lang}-{theme}-{width}.png"));
        browser.picture(&picture).await?;
        let console = browser.console().await?;
        let is_loud = |line: &&String| !line.contains("404 (Not Found)");
        faults.extend(console.iter().filter(is_loud).map(|line| format!("{path}: console: {line}")));
        faults.extend(browser.violations().await?.iter().map(|one| format!("{path}: axe: {one}")));
        if browser.is_too_wide().await? {
            faults.push(format!("{path}: scrolls sideways at {width}"));
        }
    }
    browser.close().await?;
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[tokio::test]
async fn every_page_is_sound_in_light() -> anyhow::Result<()> {
    check("en", "light", 1440).await
}

#[tokio::test]
async fn every_page_is_sound_in_dark_from_right_to_left() -> anyhow::Result<()> {
    check("fa", "dark", 1440).await
}

#[tokio::test]
async fn every_page_is_sound_on_a_phone() -> anyhow::Result<()> {
    check("de", "light", 390).await
}

#[tokio::test]
async fn every_page_is_sound_on_a_dark_phone_from_right_to_left() -> anyhow::Result<()> {
    check("fa", "dark", 390).await
}

#[tokio::test]
async fn a_dialog_opens_acts_and_returns_the_focus() -> anyhow::Result<()> {
    let base = serve_gallery().await?;
    let browser = Browser::start().await?;
    browser.resize(1440, 900).await?;
    browser.open(&format!("{base}/")).await?;
    let client = browser.client();
    client.find(Locator::Css("#open-dialog")).await?.click().await?;
    let dialog = client.wait().for_element(Locator::Css("dialog.dialog[open]")).await?;
    let focused = client.active_element().await?.text().await?;
    ensure!(focused == "Cancel", "the focus is on Cancel, not on {focused}");
    dialog.find(Locator::Css(".btn-danger")).await?.click().await?;
    client.wait().for_element(Locator::Css(".toast")).await?;
    let text = client.find(Locator::Css("#confirmed")).await?.text().await?;
    ensure!(text == "confirmed 1 times, 1 toasts", "{text}");
    ensure!(client.active_element().await?.attr("id").await?.as_deref() == Some("open-dialog"), "focus returns");
    ensure!(browser.console().await?.is_empty(), "no errors");
    browser.close().await
}

#[tokio::test]
async fn pages_can_be_read_without_script() -> anyhow::Result<()> {
    let base = serve().await?;
    let browser = Browser::start().await?;
    browser.script(false).await?;
    for (path, text) in [("/", "Needs attention"), ("/sessions", "demo-heron"), ("/users/demo-heron", "heron-thinkpad")]
    {
        browser.client().goto(&format!("{base}{path}")).await?;
        let source = browser.client().source().await?;
        ensure!(source.contains(text), "{path} shows {text}");
        ensure!(!source.contains(" style="), "{path} has no style attribute");
    }
    browser.close().await
}
