//! What a hostile site, another tab, the back button and a wrong clock get from the console in a browser.

use crate::http::SignIn;
use crate::requests::CONFIG;
use crate::site::{CONSOLE, NAME, add_operator, drive, signed_in, up_with};
use anyhow::{Context as _, ensure};
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};
use tornado_e2e_console::browser::Browser;
use tornado_e2e_harness::{ServerOptions, patient};
use tornado_e2e_lanes::world::World;

/// A site on another port of the same name: the browser sends it the same cookies, but it is another origin.
const EVIL: &str = "http://localhost:9000";

#[test]
fn a_browser_keeps_the_console_from_others() -> anyhow::Result<()> {
    let world = up_with(ServerOptions { config: CONFIG.to_owned(), ..ServerOptions::default() })?;
    add_operator(&world, NAME, "owner")?;
    let device = world.enrolled(1)?;
    device.json(&["connect"])?;
    world.wait_sessions(1, Duration::from_secs(60))?;
    drive(&world, attempts_are_shown).context("attempts left")?;
    drive(&world, foreign_sites_get_nothing).context("a foreign site")?;
    drive(&world, || async {
        let browser = signed_in().await?;
        a_sign_out_reaches_the_other_tab(&browser).await.context("two tabs")?;
        browser.close().await
    })?;
    clocks_are_the_servers(&world).context("the browser's clock")?;
    crate::names::names_are_inert(&world).context("hostile names")
}

/// The browser's program leaves the words of the server about a failed sign-in.
async fn attempts_are_shown() -> anyhow::Result<()> {
    let browser = Browser::start().await?;
    browser.look(CONSOLE, "en", "light").await?;
    browser.open(&format!("{CONSOLE}/sign-in")).await?;
    browser.fill("#name", NAME).await?;
    browser.fill("#password", "a wrong password").await?;
    browser.click("form[action='/sign-in'] button[type=submit]").await?;
    shows(&browser, "The name or the password is wrong. 4 attempts are left.", Duration::from_secs(10)).await?;
    browser.hydrated().await?;
    shows(&browser, "The name or the password is wrong. 4 attempts are left.", Duration::from_secs(1)).await?;
    browser.finish().await
}

/// The page of a hostile site.
async fn evil() -> Html<String> {
    Html(format!(
        "<!DOCTYPE html><title>evil</title><iframe id=frame src='{CONSOLE}/sessions'></iframe>\
         <form id=form method=post action='{CONSOLE}/sign-out'><input name=csrf value=x></form>"
    ))
}

async fn foreign_sites_get_nothing() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
    let site = tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(evil))).await });
    let browser = signed_in().await?;
    browser.client().goto(EVIL).await?;
    // The frame shows the browser's own page about the refusal.
    let mut child = Value::Null;
    for _ in 0..100 {
        let tree = browser.devtools("Page.getFrameTree", json!({})).await?;
        child = tree["frameTree"]["childFrames"][0]["frame"].clone();
        if child["unreachableUrl"].is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ensure!(child["unreachableUrl"] == format!("{CONSOLE}/sessions"), "the frame: {child}");
    browser.client().enter_frame(0).await?;
    let framed = browser.client().source().await?;
    ensure!(!framed.contains("user1") && !framed.contains("Sessions"), "{framed}");
    browser.client().enter_parent_frame().await?;
    let lines = browser.console().await?;
    ensure!(lines.iter().any(|line| line.contains("frame-ancestors")), "{lines:?}");

    // Scripts of the site read nothing and change nothing.
    let read = "const done = arguments[1]; fetch(arguments[0], { credentials: 'include' })
        .then(response => response.text()).then(text => done('read: ' + text), error => done('refused: ' + error))";
    for path in ["/api/v1/me", "/keys", "/api/v1/events"] {
        let seen = browser.client().execute_async(read, vec![json!(format!("{CONSOLE}{path}"))]).await?;
        ensure!(seen.as_str().is_some_and(|seen| seen.starts_with("refused: ")), "{path}: {seen}");
    }
    let post = "const done = arguments[1];
        fetch(arguments[0], { method: 'POST', mode: 'no-cors', credentials: 'include', body: 'csrf=x' })
        .then(response => done(response.type), error => done(String(error)))";
    for path in ["/sign-out", "/setup/host", "/data/act", "/api/v1/sign-out"] {
        let sent = browser.client().execute_async(post, vec![json!(format!("{CONSOLE}{path}"))]).await?;
        ensure!(sent == "opaque", "{path}: {sent}");
    }
    let opened = "const page = window.open(arguments[0], 'other'); try { return String(page.document.title) }
        catch (error) { return 'refused' }";
    browser.client().execute(opened, vec![json!(format!("{CONSOLE}/users"))]).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let reached = "const page = window.open('', 'other');
        try { return page.document.body.innerText } catch (error) { return 'refused' }";
    let reached = browser.client().execute(reached, Vec::new()).await?;
    ensure!(!reached.as_str().unwrap_or_default().contains("user1"), "a window that the site opened: {reached}");
    browser.client().execute("document.getElementById('form').submit()", Vec::new()).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    browser.open(&format!("{CONSOLE}/keys")).await?;
    ensure!(browser.text("main").await?.contains("Access tokens"), "the sign-in has ended");
    site.abort();
    browser.close().await
}

/// Waits until the page's content has a text.
async fn shows(browser: &Browser, text: &str, within: Duration) -> anyhow::Result<()> {
    let find = "return document.querySelector('main')?.innerText.includes(arguments[0]) ?? false";
    let until = tokio::time::Instant::now() + patient(within);
    loop {
        if browser.client().execute(find, vec![text.into()]).await? == Value::Bool(true) {
            return Ok(());
        }
        if tokio::time::Instant::now() > until {
            let seen = browser.text("main").await?;
            anyhow::bail!("{}: {text:?} does not appear: {seen}", browser.client().current_url().await?);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn a_sign_out_reaches_the_other_tab(browser: &Browser) -> anyhow::Result<()> {
    let client = browser.client();
    browser.open(&format!("{CONSOLE}/users")).await?;
    shows(browser, "user1", Duration::from_secs(10)).await?;
    let first = client.window().await?;
    let second = client.new_window(true).await?.handle;
    client.switch_to_window(second.clone()).await?;
    // A page that is not read again by itself.
    browser.open(&format!("{CONSOLE}/settings")).await?;
    shows(browser, "Passkeys", Duration::from_secs(10)).await?;
    client.switch_to_window(first.clone()).await?;
    browser.click("form.leave button").await?;
    browser.text("form[action='/sign-in']").await?;
    // Neither the other tab nor the history shows what the sign-in could read.
    client.switch_to_window(second).await?;
    shows(browser, "You are signed out", Duration::from_secs(12)).await?;
    let text = browser.text("body").await?;
    ensure!(!text.contains("Passkeys"), "{text}");
    client.switch_to_window(first).await?;
    for steps in [1, 2] {
        client.execute("history.go(arguments[0])", vec![json!(-steps)]).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        browser.text("form[action='/sign-in']").await.context("the page after the back button")?;
        let (address, source) = (client.current_url().await?, client.source().await?);
        ensure!(address.path() == "/sign-in" && !source.contains("user1"), "back {steps}: {address} {source}");
    }
    Ok(())
}

/// Shifts the clock that the scripts of all later pages see, by seconds.
async fn shift_clock(browser: &Browser, seconds: i64) -> anyhow::Result<()> {
    let source = format!(
        "(() => {{ const Real = Date, now = () => Real.now() + {};
         class Shifted extends Real {{
             constructor(...of) {{ if (of.length) super(...of); else super(now()); }}
             static now() {{ return now(); }}
         }}
         window.Date = Shifted; }})()",
        seconds * 1000
    );
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await?;
    Ok(())
}

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(0)
}

/// Spans of days and dates on a page, which a wrong clock would change.
async fn dates(browser: &Browser) -> anyhow::Result<BTreeSet<String>> {
    let find = r"return document.querySelector('main').innerText.match(/\d{4}-\d\d-\d\d|\b\d+ d\b|\b\d+ h\b/g) ?? []";
    let found = browser.client().execute(find, Vec::new()).await?;
    Ok(serde_json::from_value::<Vec<String>>(found)?.into_iter().collect())
}

/// Ages, dates and ranges do not depend on the clock of the browser.
fn clocks_are_the_servers(world: &World) -> anyhow::Result<()> {
    // More than a day, so that the time of the day differs, too.
    const WRONG: i64 = 86_400 + 5 * 3600;
    const PAGES: [&str; 7] = ["/", "/sessions", "/users", "/users/user1", "/keys", "/settings", "/audit"];
    let mut all = Vec::new();
    for shift in [0, WRONG, -WRONG] {
        drive(world, || async {
            let browser = signed_in().await?;
            shift_clock(&browser, shift).await?;
            let mut of_pages = Vec::new();
            for path in PAGES {
                browser.open(&format!("{CONSOLE}{path}")).await?;
                // In this time the program reads the live page again.
                tokio::time::sleep(Duration::from_secs(if path == "/sessions" { 3 } else { 0 })).await;
                of_pages.push((path, dates(&browser).await?));
            }
            browser.open(&format!("{CONSOLE}/logs")).await?;
            let clock = browser.client().execute("return Date.now()", Vec::new()).await?.as_f64().unwrap_or(0.0);
            let is_shifted = (clock / 1000.0 - (unix_now() + shift) as f64).abs() < 60.0;
            ensure!(is_shifted, "the clock of the page is shifted by {shift} s");
            let link = "return document.querySelector('a[download]').href";
            let link = browser.client().execute(link, Vec::new()).await?;
            let link = url::Url::parse(link.as_str().unwrap_or_default())?;
            let until =
                link.query_pairs().find(|(name, _)| name == "until").context("the end of the export")?.1.to_string();
            let until = until.parse::<i64>()? / 1_000_000;
            ensure!((until - unix_now()).abs() < 60, "{shift}: the export ends {} s from now", until - unix_now());
            all.push((shift, of_pages));
            browser.finish().await
        })?;
    }
    let (_, right) = &all[0];
    for (shift, pages) in &all[1..] {
        ensure!(pages == right, "with a clock that is wrong by {shift} s: {pages:?} instead of {right:?}");
    }
    Ok(())
}

/// A sign-in for the changes that prepare a page.
pub fn owner(world: &World) -> anyhow::Result<SignIn> {
    world.lab.host("server")?.enter(SignIn::new)?
}
