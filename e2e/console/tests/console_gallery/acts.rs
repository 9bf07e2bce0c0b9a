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

#[tokio::test]
async fn a_change_states_its_consequences_first() -> anyhow::Result<()> {
    let (browser, _) = open("/users/demo-heron").await?;
    browser.press("Suspend").await?;
    let effects = browser.text("dialog[open] .effects").await?;
    ensure!(effects.contains("session ends now") && effects.contains("2"), "{effects}");
    let focused = browser.client().active_element().await?.text().await?;
    ensure!(focused == "Cancel", "the focus is on Cancel, not on {focused}");
    browser.click("dialog[open] .btn-danger").await?;
    let report = browser.text(".toast").await?;
    ensure!(report == "demo-heron was suspended.", "{report}");
    browser.finish().await
}

#[tokio::test]
async fn a_cancelled_change_is_not_sent() -> anyhow::Result<()> {
    let (browser, _) = open("/services").await?;
    browser.press("Restart").await?;
    browser.click("dialog[open] .dialog-foot .btn").await?;
    browser.client().wait().for_element(Locator::Css("body:not(:has(dialog[open]))")).await?;
    ensure!(browser.client().find(Locator::Css(".toast")).await.is_err(), "nothing was sent");
    browser.finish().await
}

#[tokio::test]
async fn an_invitation_is_shown_once() -> anyhow::Result<()> {
    let (browser, _) = open("/users?invite=1").await?;
    browser.click("dialog[open] button[type=submit]").await?;
    let link = browser.client().wait().for_element(Locator::Css("#invited-link")).await?;
    let link = link.prop("value").await?.unwrap_or_default();
    ensure!(link.starts_with("tornado://"), "{link}");
    browser.client().find(Locator::Css("dialog[open] .qr svg")).await?;
    browser.click("dialog[open] .dialog-foot .btn-primary").await?;
    browser.client().wait().for_element(Locator::Css("body:not(:has(#invited-link))")).await?;
    let address = browser.client().current_url().await?;
    ensure!(address.query().is_none(), "{address}");
    browser.finish().await
}

#[tokio::test]
async fn a_refusal_stands_at_its_field() -> anyhow::Result<()> {
    let (browser, _) = open("/users").await?;
    browser.press("New user").await?;
    let client = browser.client();
    client.wait().for_element(Locator::Css("#username")).await?.send_keys("demo-heron").await?;
    client.find(Locator::Css("#new-password")).await?.send_keys("correct horse").await?;
    browser.click("dialog[open] button[type=submit]").await?;
    let error = browser.text("#username-error").await?;
    ensure!(error == "This name is taken. Choose another.", "{error}");
    let described = client.find(Locator::Css("#username")).await?.attr("aria-describedby").await?;
    ensure!(described.as_deref() == Some("username-error"), "{described:?}");
    browser.finish().await
}

#[tokio::test]
async fn a_value_that_cannot_be_is_not_sent() -> anyhow::Result<()> {
    let (browser, _) = open("/users/demo-heron").await?;
    browser.press("Change").await?;
    let field = browser.client().wait().for_element(Locator::Css("#max_devices")).await?;
    field.clear().await?;
    field.send_keys("11").await?;
    browser.click("dialog[open] button[type=submit]").await?;
    let error = browser.text("#max_devices-error").await?;
    ensure!(error == "Write a whole number from 1 to 10.", "{error}");
    browser.finish().await
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
    let found = browser.text(".palette-list li").await?;
    ensure!(found.starts_with("Audit trail"), "{found}");
    browser.finish().await
}

#[tokio::test]
async fn events_of_the_server_change_figures_in_place() -> anyhow::Result<()> {
    let (browser, _) = open("/").await?;
    let before = browser.text(".tiles .tile-value").await?;
    let mark = "document.querySelector('.tiles .tile').dataset.kept = 'true'";
    browser.client().execute(mark, Vec::new()).await?;
    let mut after = before.clone();
    for _ in 0..100 {
        after = browser.text(".tiles .tile-value").await?;
        if after != before {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ensure!(after != before, "{before} stays");
    browser.client().find(Locator::Css(".tiles .tile[data-kept]")).await?;
    browser.finish().await
}

#[tokio::test]
async fn a_second_factor_is_set_up_with_its_first_code() -> anyhow::Result<()> {
    const SUBMIT: &str = "dialog[open]:has(#factor) button[type=submit]";
    let (browser, _) = open("/settings").await?;
    browser.press("Set up a second factor").await?;
    browser.fill("#factor-password", "correct horse").await?;
    browser.click(SUBMIT).await?;
    browser.fill("#factor-code", "000000").await?;
    browser.click(SUBMIT).await?;
    let error = browser.text("#factor-code-error").await?;
    ensure!(error == "The code is wrong or was already used.", "{error}");
    browser.fill("#factor-code", "123456").await?;
    browser.click(SUBMIT).await?;
    let codes = browser.text("dialog[open] .codes").await?;
    ensure!(codes.contains("aaaa-bbbb"), "{codes}");
    browser.finish().await
}

#[tokio::test]
async fn a_token_needs_a_right_and_is_shown_once() -> anyhow::Result<()> {
    const SUBMIT: &str = "dialog[open]:has(#new-token) button[type=submit]";
    let (browser, _) = open("/settings").await?;
    browser.press("New token").await?;
    browser.fill("#token-name", "grafana").await?;
    browser.click(SUBMIT).await?;
    let alert = browser.text("dialog[open] [role=alert]").await?;
    ensure!(alert == "Choose at least one right.", "{alert}");
    browser.click("dialog[open] input[name=scope][value='logs.read']").await?;
    browser.click(SUBMIT).await?;
    let field = browser.client().wait().for_element(Locator::Css("#created-token-text")).await?;
    ensure!(field.prop("value").await?.as_deref() == Some("tvpn_invented"), "the token is shown");
    browser.click("dialog[open] .btn-primary").await?;
    browser.client().wait().for_element(Locator::Css("body:not(:has(#created-token-text))")).await?;
    browser.finish().await
}

#[tokio::test]
async fn a_grave_change_waits_for_the_password() -> anyhow::Result<()> {
    const SUBMIT: &str = "dialog[open]:has(#confirm-password) button[type=submit]";
    let (browser, _) = open("/settings").await?;
    browser.click("section:has(#operators) tbody tr:nth-child(2) .acts button:last-child").await?;
    browser.click("dialog[open] .dialog-foot .btn:last-child").await?;
    browser.fill("#confirm-password", "wrong").await?;
    browser.click(SUBMIT).await?;
    browser.text("#confirm-password-error").await?;
    browser.fill("#confirm-password", "correct horse").await?;
    browser.click(SUBMIT).await?;
    browser.text(".toast").await?;
    browser.client().wait().for_element(Locator::Css("body:not(:has(dialog[open]))")).await?;
    browser.finish().await
}

#[tokio::test]
async fn a_query_is_saved_under_its_name() -> anyhow::Result<()> {
    let (browser, _) = open("/logs?text=level%3Awarn").await?;
    browser.press("Save query").await?;
    browser.fill("#query-name", "Warnings").await?;
    browser.click("dialog[open]:has(#save-query) button[type=submit]").await?;
    let report = browser.text(".toast").await?;
    ensure!(report == "The query Warnings was saved.", "{report}");
    let link = browser.client().find(Locator::Css(".head-acts a[download]")).await?;
    let href = link.attr("href").await?.unwrap_or_default();
    ensure!(href.starts_with("/api/v1/logs/export?format=csv&text=level%3Awarn"), "{href}");
    browser.finish().await
}

#[tokio::test]
async fn every_dialog_is_accessible_on_a_phone_too() -> anyhow::Result<()> {
    let dialogs = [
        ("/settings", "Set up a second factor"),
        ("/settings", "Add a passkey"),
        ("/settings", "New token"),
        ("/settings", "Create backup"),
        ("/settings", "New operator"),
        ("/logs?text=level%3Awarn", "Save query"),
        ("/users", "New user"),
        ("/users/demo-heron", "Change"),
        ("/tor", "Stop Tor"),
    ];
    let (browser, base) = open("/about").await?;
    let mut faults = Vec::new();
    for width in [1440, 390] {
        browser.resize(width, 700).await?;
        for (path, word) in dialogs {
            browser.open(&format!("{base}{path}")).await?;
            browser.press(word).await?;
            browser.client().wait().for_element(Locator::Css("dialog[open]")).await?;
            faults.extend(browser.violations().await?.iter().map(|one| format!("{word} at {width}: {one}")));
            let size = "const box = document.querySelector('dialog[open]').getBoundingClientRect();
                return box.width <= innerWidth + 1 && box.height <= innerHeight + 1";
            if browser.client().execute(size, Vec::new()).await? != serde_json::Value::Bool(true) {
                faults.push(format!("{word} at {width}: larger than the screen"));
            }
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    browser.finish().await
}

#[tokio::test]
async fn the_set_up_works_without_script() -> anyhow::Result<()> {
    let base = serve().await?;
    let browser = Browser::start().await?;
    browser.script(false).await?;
    let client = browser.client();
    client.goto(&format!("{base}/setup/host")).await?;
    browser.fill("#host", "vpn.example.net:8000").await?;
    browser.click("form[action='/setup/host'] button[type=submit]").await?;
    let error = browser.text("#host-error").await?;
    ensure!(error == "Write a host name or an address, without a port.", "{error}");
    browser.fill("#host", "vpn.example.net").await?;
    browser.click("form[action='/setup/host'] button[type=submit]").await?;
    browser.click("form[action='/setup/invite'] button[type=submit]").await?;
    let link = client.wait().for_element(Locator::Css("#invited-link")).await?.attr("value").await?;
    ensure!(link.as_deref().is_some_and(|link| link.starts_with("tornado://")), "{link:?}");
    browser.close().await
}

#[tokio::test]
async fn columns_are_hidden_in_this_browser() -> anyhow::Result<()> {
    let (browser, base) = open("/sessions").await?;
    let heads = browser.text("thead").await?;
    ensure!(heads.contains("Endpoint"), "{heads}");
    browser.click(".pick summary").await?;
    browser.click(".pick input[name=endpoint]").await?;
    browser.click(".pick button[type=submit]").await?;
    browser.client().wait().for_element(Locator::XPath("//thead[not(contains(., 'Endpoint'))]")).await?;
    browser.open(&format!("{base}/sessions?state=online")).await?;
    let heads = browser.text("thead").await?;
    ensure!(!heads.contains("Endpoint") && heads.contains("Transferred"), "{heads}");
    browser.finish().await
}

#[tokio::test]
async fn a_unit_that_was_started_too_often_is_not_started() -> anyhow::Result<()> {
    let (browser, _) = open("/services").await?;
    let table = browser.text("section:has(#units)").await?;
    ensure!(table.contains("read only") && table.contains("failed (failed)"), "{table}");
    browser.click("section:has(#units) tr:nth-child(3) .acts button").await?;
    browser.click("dialog[open] .dialog-foot .btn:last-child").await?;
    let report = browser.text(".toast").await?;
    ensure!(report.contains("three times within ten minutes"), "{report}");
    browser.finish().await
}

#[tokio::test]
async fn log_lines_appear_as_they_are_written() -> anyhow::Result<()> {
    let (browser, _) = open("/logs?text=level%3Awarn").await?;
    browser.press("Follow").await?;
    let line = browser.text("section:has(#tail) .log li").await?;
    ensure!(line.contains("upstream did not respond") && line.contains("query=level:warn"), "{line}");
    browser.press("Stop").await?;
    browser.client().wait().for_element(Locator::Css("section:has(#tail):not(:has(.log))")).await?;
    browser.finish().await
}

#[tokio::test]
async fn the_frame_has_a_clock_in_utc() -> anyhow::Result<()> {
    let (browser, _) = open("/").await?;
    let mut times = Vec::new();
    for _ in 0..60 {
        let time = browser.text(".clock").await?;
        if !time.is_empty() && times.last() != Some(&time) {
            times.push(time);
        }
        if times.len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ensure!(times.len() == 2 && times.iter().all(|time| time.ends_with(" UTC")), "{times:?}");
    browser.finish().await
}
