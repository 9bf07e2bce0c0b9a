//! Pages that only the server renders: they do all of their work without script.

use crate::support::{Browser, serve};
use anyhow::ensure;
use fantoccini::Locator;

/// A browser without script on a page of a new server.
async fn open(path: &str) -> anyhow::Result<Browser> {
    let base = serve().await?;
    let browser = Browser::start().await?;
    browser.resize(1440, 900).await?;
    browser.look(&base, "en", "light").await?;
    browser.script(false).await?;
    browser.client().goto(&format!("{base}{path}")).await?;
    Ok(browser)
}

#[tokio::test]
async fn the_audit_trail_is_searched_and_verified() -> anyhow::Result<()> {
    let browser = open("/audit?text=user.").await?;
    let rows = browser.text("tbody").await?;
    ensure!(rows.contains("user.suspend") && !rows.contains("key.rotate"), "{rows}");
    for format in ["csv", "jsonl"] {
        let link = browser.client().find(Locator::Css(&format!(".head-acts a[href*='format={format}']"))).await?;
        let href = link.attr("href").await?.unwrap_or_default();
        ensure!(href == format!("/api/v1/audit/export?format={format}&action=user."), "{href}");
    }
    browser.fill("input[name=actor]", "operator:eve").await?;
    browser.click(".filters button[type=submit]").await?;
    browser.text(".empty").await?;
    browser.click("form[action='/audit'] button[type=submit]").await?;
    let verdict = browser.text("main [role=status].note").await?;
    ensure!(verdict == "4,812 entries, the chain is intact", "{verdict}");
    browser.close().await
}

#[tokio::test]
async fn log_lines_are_counted_and_deleted_with_the_password() -> anyhow::Result<()> {
    let browser = open("/logs/delete?text=level%3Adebug&range=24h").await?;
    let selection = browser.text("section:has(#selection)").await?;
    ensure!(selection.contains("1,204 lines") && selection.contains("level:debug"), "{selection}");
    for (password, role) in [("wrong", "alert"), ("correct horse", "status")] {
        browser.fill("#password", password).await?;
        browser.press("Delete 1,204 lines").await?;
        let answer = browser.text(&format!("main [role={role}]")).await?;
        let words = if role == "alert" { "password is wrong" } else { "1,204 lines were deleted" };
        ensure!(answer.contains(words), "{answer}");
    }
    browser.close().await
}

#[tokio::test]
async fn language_and_theme_change() -> anyhow::Result<()> {
    let browser = open("/about").await?;
    browser.click("select[name=lang] option[value=fa]").await?;
    browser.click("select[name=theme] option[value=dark]").await?;
    browser.click("form.look button[type=submit]").await?;
    browser.client().wait().for_element(Locator::Css("html[lang=fa][dir=rtl][data-theme=dark] h1")).await?;
    let path = browser.client().current_url().await?;
    ensure!(path.path() == "/about", "{path}");
    browser.close().await
}

#[tokio::test]
async fn links_lead_from_a_live_page_to_one_of_the_server_and_back() -> anyhow::Result<()> {
    let base = serve().await?;
    let browser = Browser::start().await?;
    browser.resize(1440, 900).await?;
    browser.open(&format!("{base}/users")).await?;
    browser.click("nav a[href='/keys']").await?;
    browser
        .client()
        .wait()
        .for_element(Locator::Css("html[data-still] nav.tabs a[href='/keys'][aria-current]"))
        .await?;
    browser.click("nav a[href='/users']").await?;
    browser.client().wait().for_element(Locator::Css("html[data-hydrated] nav a[href='/users'][aria-current]")).await?;
    browser.finish().await
}

/// The pages of the browser have the same keys (`acts::keys_open_pages_and_the_palette`).
#[tokio::test]
async fn keys_open_pages_and_the_palette() -> anyhow::Result<()> {
    let base = serve().await?;
    let browser = Browser::start().await?;
    browser.resize(1440, 900).await?;
    let client = browser.client();
    for (page, keys, found) in [
        ("/about", "gu", "html[data-hydrated] nav a[href='/users'][aria-current]"),
        ("/audit", "/", "html[data-hydrated] dialog[open] input"),
    ] {
        client.goto(&format!("{base}{page}")).await?;
        client.wait().for_element(Locator::Css("html[data-still]")).await?;
        client.find(Locator::Css("body")).await?.send_keys(keys).await?;
        client.wait().for_element(Locator::Css(found)).await?;
    }
    client.goto(&format!("{base}/audit")).await?;
    client.wait().for_element(Locator::Css("input[name=actor]")).await?.send_keys("gu/").await?;
    ensure!(client.current_url().await?.path() == "/audit", "a field keeps its letters");
    browser.finish().await
}

#[tokio::test]
async fn keys_are_checked_and_rotated_with_the_password() -> anyhow::Result<()> {
    let browser = open("/keys").await?;
    browser.press("Check all keys").await?;
    let answer = browser.text("main [role=status].note").await?;
    ensure!(answer == "16 files, no problem", "{answer}");
    for (password, words) in [("wrong", "password is wrong"), ("correct horse", "New keys were created")] {
        browser.fill("#password", password).await?;
        browser.click("form[action='/keys/rotate'] button[type=submit]").await?;
        let answer = browser.text("main").await?;
        ensure!(answer.contains(words), "{answer}");
    }
    browser.close().await
}
