//! Names and texts that others choose, on every page that shows them.

use crate::browser::owner;
use crate::site::{CONSOLE, drive, signed_in};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::Duration;
use tornado_e2e_harness::wait_for;
use tornado_e2e_lanes::world::World;

/// Markup that would run a script if it became a part of the page.
const MARKUP: &str = "\"'><img src=x onerror=pwned=1><!--</script><script>pwned=2//";
/// Letters that are written from right to left.
const RTL: &str = "שלום) حاسوب 12";
/// Words that templates or terminals would replace.
const TEMPLATE: &str = "{{7*7}} ${7*7} %00 \\u003cb\\u003e &lt;i&gt;";

/// A name without a place for a line break.
fn long() -> String {
    "W".repeat(64)
}

pub fn names_are_inert(world: &World) -> anyhow::Result<()> {
    let names = [MARKUP, RTL, TEMPLATE, &long()];
    let server = world.lab.host("server")?;
    let ann = owner(world)?;
    let device_id = server.enter(|| -> anyhow::Result<Option<String>> {
        let mut device_id = None;
        for (number, name) in names.iter().enumerate() {
            let user = format!("guest{number}");
            let body = json!({ "username": user, "password": "correct horse battery", "max_devices": 9 }).to_string();
            let reply = ann.change("POST", "/api/v1/users", &body)?;
            ensure!(reply.status == 200, "{}", reply.text());
            let exported = world.server.json(&["device", "export", &user, "--name", name])?;
            ensure!(exported["device_name"] == *name, "{exported}");
            device_id = exported["device_id"].as_str().map(str::to_owned);
            let body = json!({ "description": name, "text": format!("{number}") }).to_string();
            let reply = ann.change("PUT", &format!("/api/v1/logs/saved/{}", encoded(name)), &body)?;
            ensure!(reply.status == 200, "{name}: {}", reply.text());
        }
        // Names that would be confused with others, or hide a part, are refused.
        for hidden in ["a\u{202e}b", "a\u{200b}b", "a\nb", "a\u{0}b"] {
            let password = "correct horse battery";
            let saved = format!("/logs/saved/{}", encoded(hidden));
            for (verb, path, body) in [
                ("POST", "/api-tokens", json!({ "name": hidden, "scopes": ["users.read"] })),
                ("POST", "/users", json!({ "username": hidden, "password": password, "max_devices": 1 })),
                ("PUT", "/operators/eve", json!({ "role": "viewer", "password": format!("{password}{hidden}") })),
                ("PUT", &saved, json!({ "description": "", "text": "x" })),
            ] {
                let reply = ann.change(verb, &format!("/api/v1{path}"), &body.to_string())?;
                ensure!(reply.status == 400, "{path} {hidden:?}: {}", reply.text());
            }
        }
        for address in ["<script>@example.org", "a@example.org\"><b>", "a@\u{202e}example.org"] {
            let body = json!({ "email": address }).to_string();
            let reply = ann.change("PATCH", "/api/v1/users/guest0", &body)?;
            ensure!([200, 400].contains(&reply.status), "{address:?}: {}", reply.text());
        }
        Ok(device_id)
    })??;
    write_log_lines(world, &names)?;
    wait_for("the log lines", Duration::from_secs(60), || {
        let found = server.enter(|| ann.get("/api/v1/logs?text=target%3Ahostile"))?;
        let items = found.map(|reply| reply.json()["items"].as_array().map_or(0, Vec::len)).unwrap_or(0);
        Ok((items > names.len()).then_some(()))
    })?;
    device_id.context("a device")?;
    let pages: Vec<(String, &[&str])> = vec![
        ("/sessions".to_owned(), &names),
        ("/users".to_owned(), &[]),
        ("/users/guest0".to_owned(), &names[..1]),
        ("/users/guest1".to_owned(), &names[1..2]),
        ("/users/guest2".to_owned(), &names[2..3]),
        ("/users/guest3".to_owned(), &names[3..]),
        ("/logs?text=target%3Ahostile".to_owned(), &names),
        (format!("/logs?text={}", encoded(MARKUP)), &[]),
        (format!("/users?text={}", encoded(MARKUP)), &[]),
        (format!("/users?text={}", encoded(RTL)), &[]),
        (format!("/sessions?text={}", encoded(&long())), &[]),
        (format!("/users/{}", encoded(MARKUP)), &[]),
        (format!("/users/{}", encoded(RTL)), &[]),
        (format!("/sessions/{}", encoded(MARKUP)), &[]),
        ("/audit".to_owned(), &[]),
        (format!("/audit?text={}", encoded(MARKUP)), &[]),
        ("/settings".to_owned(), &[]),
        ("/".to_owned(), &[]),
    ];
    drive(world, || async {
        let browser = signed_in().await?;
        let mut faults = Vec::new();
        for (path, shown) in &pages {
            browser.resize(1440, 900).await?;
            browser.open(&format!("{CONSOLE}{path}")).await?;
            let seen = browser.client().execute(LOOK, vec![json!(shown), json!(RTL)]).await?;
            let found: Vec<String> = serde_json::from_value(seen)?;
            faults.extend(found.iter().map(|fault| format!("{path}: {fault}")));
            for width in [1440, 390] {
                browser.resize(width, 900).await?;
                if browser.is_too_wide().await? {
                    faults.push(format!("{path}: wider than {width} pixels"));
                }
            }
            faults.extend(browser.console().await?.iter().map(|line| format!("{path}: console: {line}")));
        }
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        browser.finish().await
    })
}

/// What is wrong with a page: markup that became a part of it, a name that is not shown as it is, and right-to-left
/// text that changes the order of its neighbours.
const LOOK: &str = r"
    const [shown, rtl] = arguments, faults = [];
    if (window.pwned !== undefined) faults.push('a script ran: ' + window.pwned);
    for (const one of document.querySelectorAll('img[src=x], body script:not([src]):not([nonce]), iframe, object, embed'))
        if (one.tagName !== 'SCRIPT' || /pwned/.test(one.textContent)) faults.push('markup: ' + one.outerHTML.slice(0, 200));
    for (const one of document.querySelectorAll('*'))
        for (const { name } of one.attributes) if (name.startsWith('on')) faults.push('a handler: ' + one.outerHTML.slice(0, 200));
    const text = document.querySelector('main').innerText.replaceAll('\n', ' ');
    for (const name of shown) if (!text.includes(name)) faults.push('does not show ' + name + ' in ' + text.slice(0, 2000));
    const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        if (!walk.currentNode.data.includes(rtl)) continue;
        const holder = walk.currentNode.parentElement;
        if (holder.checkVisibility() && !/isolate|plaintext/.test(getComputedStyle(holder).unicodeBidi))
            faults.push('not isolated: ' + holder.outerHTML.slice(0, 300));
    }
    return faults;
";

/// Writes lines as a service that was taken over could.
fn write_log_lines(world: &World, names: &[&str]) -> anyhow::Result<()> {
    let path = world.server.log_dir().join("session/session.log");
    // The time of the latest line.
    let lines = std::fs::read_to_string(&path)?;
    let latest: Value = serde_json::from_str(lines.lines().last().context("no log line")?)?;
    let now = latest["time"].as_str().context("no time")?;
    let mut text = String::new();
    let overlong = "x<b>".repeat(1500);
    let more = ["", " ", "\u{202e}override", "a\r\nb\u{0}\u{7}c", "<textarea>\n\n<pre>", &overlong];
    for (number, message) in (1_u64..).zip(names.iter().copied().chain(more)) {
        let line: Value = json!({
            "time": now, "level": "WARN", "service": "session", "target": "hostile", "message": message,
            "process": "00000000deadbeef", "seq": number, "fields": { "name": message, "number": 7 },
        });
        text.push_str(&format!("{}\n", line));
    }
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).with_context(|| path.display().to_string())?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Percent-encoded for an address.
fn encoded(text: &str) -> String {
    tornado_admin_ui::address::address("", &[("x", Some(text))])[3..].to_owned()
}
