//! What each page shows without rows, without a service, without a right, without a connection, and while it is read.

use crate::support::{Browser, serve};
use anyhow::ensure;
use serde_json::{Value, json};
use std::time::Duration;

/// The pages that read from the server.
const PAGES: &[&str] = &[
    "/",
    "/sessions",
    "/sessions/0193-0000",
    "/users",
    "/users/demo-heron",
    "/tor",
    "/services",
    "/logs",
    "/logs/delete",
    "/keys",
    "/audit",
    "/settings",
    "/about",
    "/about/data-kept",
];

/// Those that list what a new server does not have, and their words for it.
const EMPTY: &[(&str, &str)] = &[
    ("/", "Everything is as it should be"),
    ("/sessions", "No sessions yet"),
    ("/users", "No users yet"),
    ("/users/demo-heron", "No devices yet"),
    ("/tor", "No circuits"),
    ("/logs", "No lines"),
    ("/logs/delete", "0 lines"),
    ("/audit", "No entries"),
    ("/settings", "No API tokens yet"),
];

async fn browser_in(state: &str) -> anyhow::Result<(Browser, String)> {
    let base = serve().await?;
    let browser = Browser::start().await?;
    browser.resize(1440, 900).await?;
    browser.look(&base, "en", "light").await?;
    let cookie = json!({ "name": "sample_state", "value": state, "url": base });
    browser.devtools("Network.setCookie", cookie).await?;
    Ok((browser, base))
}

/// Opens pages, and collects those that do not show their words, or have errors.
async fn check(state: &str, pages: &[(&str, &str)]) -> anyhow::Result<()> {
    let (browser, base) = browser_in(state).await?;
    let mut faults = Vec::new();
    for (path, words) in pages {
        browser.open(&format!("{base}{path}")).await?;
        let text = browser.text("main").await?;
        if !text.contains(words) {
            faults.push(format!("{path} does not show '{words}': {text}"));
        }
        faults.extend(browser.console().await?.iter().map(|line| format!("{path}: console: {line}")));
        faults.extend(browser.violations().await?.iter().map(|one| format!("{path}: axe: {one}")));
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    browser.close().await
}

#[tokio::test]
async fn pages_without_rows_say_what_will_appear() -> anyhow::Result<()> {
    check("empty", EMPTY).await
}

#[tokio::test]
async fn pages_without_their_service_say_which_one() -> anyhow::Result<()> {
    let pages: Vec<_> = PAGES.iter().map(|path| (*path, "did not respond")).collect();
    check("unavailable", &pages).await
}

#[tokio::test]
async fn pages_without_the_right_say_so() -> anyhow::Result<()> {
    let pages: Vec<_> = PAGES.iter().map(|path| (*path, "Your role does not allow this")).collect();
    check("forbidden", &pages).await
}

#[tokio::test]
async fn pages_without_a_sign_in_lead_to_it_and_back() -> anyhow::Result<()> {
    let (browser, base) = browser_in("signed-out").await?;
    for path in PAGES {
        browser.open(&format!("{base}{path}")).await?;
        let address = browser.client().current_url().await?;
        let back = address.query_pairs().find(|(name, _)| name == "back").map(|(_, value)| value.into_owned());
        ensure!(address.path() == "/sign-in" && back.as_deref() == Some(*path), "{path} leads to {address}");
    }
    browser.finish().await
}

#[tokio::test]
async fn a_page_that_is_read_slowly_shows_its_shape_first() -> anyhow::Result<()> {
    let (browser, base) = browser_in("slow").await?;
    for href in ["/users", "/services", "/settings"] {
        browser.open(&format!("{base}/tor")).await?;
        browser.click(&format!("nav a[href='{href}']")).await?;
        browser.client().wait().for_element(fantoccini::Locator::Css("main .skeleton")).await?;
    }
    browser.finish().await
}

#[tokio::test]
async fn without_a_connection_rows_stay_and_are_marked_as_old() -> anyhow::Result<()> {
    let (browser, base) = browser_in("usual").await?;
    let pages = [
        ("/", "Needs attention"),
        ("/sessions", "demo-heron"),
        ("/tor", "ExampleGuardOne"),
        ("/services", "client-api"),
    ];
    for (path, words) in pages {
        browser.open(&format!("{base}{path}")).await?;
        let network =
            |is_off: bool| json!({ "offline": is_off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        browser.devtools("Network.enable", json!({})).await?;
        // Streams that are open survive the emulation: the browser's own connection is what counts.
        browser.devtools("Network.emulateNetworkConditions", network(true)).await?;
        let mut text = String::new();
        for _ in 0..100 {
            text = browser.text("main").await?;
            if text.contains("The values are from before") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        ensure!(text.contains("The values are from before"), "{path}: {text}");
        ensure!(text.contains(words), "{path} keeps its rows: {text}");
        browser.devtools("Network.emulateNetworkConditions", network(false)).await?;
        // Failed requests are in the browser's console.
        browser.console().await?;
    }
    browser.close().await
}

#[tokio::test]
async fn a_list_of_twenty_thousand_rows_scrolls() -> anyhow::Result<()> {
    let (browser, base) = browser_in("usual").await?;
    browser.open(&format!("{base}/sessions")).await?;
    let rows = "return document.querySelectorAll('tbody > tr:not(.spacer)').length";
    ensure!(browser.client().execute(rows, Vec::new()).await? == json!(100), "a window of rows exists");
    let scroll = "const box = document.querySelector('.table-window'); box.scrollTop = box.scrollHeight / 2; \
                  return box.scrollHeight";
    let height = browser.client().execute(scroll, Vec::new()).await?.as_f64().unwrap_or(0.0);
    ensure!(height > 700_000.0, "the box is as high as all rows: {height}");
    let seen = "const box = document.querySelector('.table-window').getBoundingClientRect();
        const row = document.elementFromPoint(box.left + 40, box.top + box.height / 2)?.closest('tr:not(.spacer)');
        return row ? row.querySelector('th a').getAttribute('href') : null";
    let mut href = Value::Null;
    for _ in 0..100 {
        href = browser.client().execute(seen, Vec::new()).await?;
        if href.is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let number: u64 = href.as_str().and_then(|href| href.rsplit('-').next()?.parse().ok()).unwrap_or(0);
    ensure!((9_900..10_200).contains(&number), "the middle of the list is in view: {href}");
    browser.finish().await
}
