//! What an operator does in the console, in Chromium, against a server with invented data.

use crate::support::{Browser, serve};
use anyhow::ensure;
use fantoccini::Locator;

/// A browser on a page of a new server.
async fn open(path: &str) -> anyhow::Result<(Browser, String)> {
    let base = serve().await?;
    let browser = Browser::start().await?;
    browser.resize(1440, 900).await?;
    browser.look(&base, "en", "light").await?;
    browser.open(&format!("{base}{path}")).await?;
    Ok((browser, base))
}

async fn click(browser: &Browser, css: &str) -> anyhow::Result<()> {
    Ok(browser.client().wait().for_element(Locator::Css(css)).await?.click().await?)
}

/// Clicks the button of the page's head with these words.
async fn press(browser: &Browser, word: &str) -> anyhow::Result<()> {
    let path = format!("//main//*[self::button or self::a][normalize-space()='{word}']");
    Ok(browser.client().wait().for_element(Locator::XPath(&path)).await?.click().await?)
}

async fn text(browser: &Browser, css: &str) -> anyhow::Result<String> {
    Ok(browser.client().wait().for_element(Locator::Css(css)).await?.text().await?)
}

async fn close(browser: Browser) -> anyhow::Result<()> {
    let console = browser.console().await?;
    ensure!(console.is_empty(), "{console:?}");
    browser.close().await
}

#[tokio::test]
async fn a_change_states_its_consequences_first() -> anyhow::Result<()> {
    let (browser, _) = open("/users/demo-heron").await?;
    press(&browser, "Suspend").await?;
    let effects = text(&browser, "dialog[open] .effects").await?;
    ensure!(effects.contains("session ends now") && effects.contains("2"), "{effects}");
    let focused = browser.client().active_element().await?.text().await?;
    ensure!(focused == "Cancel", "the focus is on Cancel, not on {focused}");
    click(&browser, "dialog[open] .btn-danger").await?;
    let report = text(&browser, ".toast").await?;
    ensure!(report == "demo-heron was suspended.", "{report}");
    close(browser).await
}

#[tokio::test]
async fn a_cancelled_change_is_not_sent() -> anyhow::Result<()> {
    let (browser, _) = open("/services").await?;
    press(&browser, "Restart").await?;
    click(&browser, "dialog[open] .dialog-foot .btn").await?;
    browser.client().wait().for_element(Locator::Css("body:not(:has(dialog[open]))")).await?;
    ensure!(browser.client().find(Locator::Css(".toast")).await.is_err(), "nothing was sent");
    close(browser).await
}

#[tokio::test]
async fn an_invitation_is_shown_once() -> anyhow::Result<()> {
    let (browser, _) = open("/users?invite=1").await?;
    click(&browser, "dialog[open] button[type=submit]").await?;
    let link = browser.client().wait().for_element(Locator::Css("#invited-link")).await?;
    let link = link.prop("value").await?.unwrap_or_default();
    ensure!(link.starts_with("tornado://"), "{link}");
    browser.client().find(Locator::Css("dialog[open] .qr svg")).await?;
    click(&browser, "dialog[open] .dialog-foot .btn-primary").await?;
    browser.client().wait().for_element(Locator::Css("body:not(:has(#invited-link))")).await?;
    let address = browser.client().current_url().await?;
    ensure!(address.query().is_none(), "{address}");
    close(browser).await
}

#[tokio::test]
async fn a_refusal_stands_at_its_field() -> anyhow::Result<()> {
    let (browser, _) = open("/users").await?;
    press(&browser, "New user").await?;
    let client = browser.client();
    client.wait().for_element(Locator::Css("#username")).await?.send_keys("demo-heron").await?;
    client.find(Locator::Css("#new-password")).await?.send_keys("correct horse").await?;
    click(&browser, "dialog[open] button[type=submit]").await?;
    let error = text(&browser, "#username-error").await?;
    ensure!(error == "This name is taken. Choose another.", "{error}");
    let described = client.find(Locator::Css("#username")).await?.attr("aria-describedby").await?;
    ensure!(described.as_deref() == Some("username-error"), "{described:?}");
    close(browser).await
}

#[tokio::test]
async fn a_value_that_cannot_be_is_not_sent() -> anyhow::Result<()> {
    let (browser, _) = open("/users/demo-heron").await?;
    press(&browser, "Change").await?;
    let field = browser.client().wait().for_element(Locator::Css("#max_devices")).await?;
    field.clear().await?;
    field.send_keys("11").await?;
    click(&browser, "dialog[open] button[type=submit]").await?;
    let error = text(&browser, "#max_devices-error").await?;
    ensure!(error == "Write a whole number from 1 to 10.", "{error}");
    close(browser).await
}

#[tokio::test]
async fn sign_in_works_without_script() -> anyhow::Result<()> {
    let base = serve().await?;
    let browser = Browser::start().await?;
    browser.script(false).await?;
    let client = browser.client();
    client.goto(&format!("{base}/sign-in?back=/users")).await?;
    client.find(Locator::Css("#name")).await?.send_keys("ops-amelia").await?;
    client.find(Locator::Css("#password")).await?.send_keys("correct horse").await?;
    client.find(Locator::Css("form[action='/sign-in'] button[type=submit]")).await?.click().await?;
    client.wait().for_element(Locator::Css("#code")).await?.send_keys("000000").await?;
    client.find(Locator::Css("form[action='/sign-in/code'] button[type=submit]")).await?.click().await?;
    client.wait().for_element(Locator::Css("#code-error")).await?;
    client.find(Locator::Css("#code")).await?.send_keys("123456").await?;
    client.find(Locator::Css("form[action='/sign-in/code'] button[type=submit]")).await?.click().await?;
    client.wait().for_element(Locator::Css("nav a[aria-current='page'][href='/users']")).await?;
    browser.close().await
}

#[tokio::test]
async fn keys_open_pages_and_the_palette() -> anyhow::Result<()> {
    let (browser, _) = open("/").await?;
    let body = browser.client().find(Locator::Css("body")).await?;
    body.send_keys("gu").await?;
    browser.client().wait().for_element(Locator::Css("nav a[aria-current='page'][href='/users']")).await?;
    let heading = "return document.activeElement === document.querySelector('main h1')";
    let is_focused = browser.client().execute(heading, Vec::new()).await?;
    ensure!(is_focused == serde_json::Value::Bool(true), "the heading has the focus after navigation");
    browser.client().find(Locator::Css("body")).await?.send_keys("/").await?;
    browser.client().wait().for_element(Locator::Css("dialog.palette[open]")).await?;
    browser.client().active_element().await?.send_keys("trail").await?;
    let found = text(&browser, ".palette-list li").await?;
    ensure!(found.starts_with("Audit trail"), "{found}");
    close(browser).await
}

#[tokio::test]
async fn events_of_the_server_change_figures_in_place() -> anyhow::Result<()> {
    let (browser, _) = open("/").await?;
    let before = text(&browser, ".tiles .tile-value").await?;
    let mark = "document.querySelector('.tiles .tile').dataset.kept = 'true'";
    browser.client().execute(mark, Vec::new()).await?;
    let mut after = before.clone();
    for _ in 0..100 {
        after = text(&browser, ".tiles .tile-value").await?;
        if after != before {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ensure!(after != before, "{before} stays");
    browser.client().find(Locator::Css(".tiles .tile[data-kept]")).await?;
    close(browser).await
}
