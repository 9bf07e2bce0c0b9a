//! The end of pages, and of the browser.

use crate::support::{Browser, serve};
use anyhow::{Context as _, bail, ensure};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Chromium would wait longer for a connection of a page that it keeps for the way back.
const OPENS_WITHIN: Duration = Duration::from_secs(30);

/// The processes that a process has started, and those that they have started.
fn descendants(pid: u32) -> Vec<u32> {
    let mut all = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            all.push(child);
            all.extend(descendants(child));
        }
    }
    all
}

/// False also for a process that has ended and was not waited for.
fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn is_browser(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("--user-data-dir"))
}

#[tokio::test]
async fn a_program_that_is_killed_takes_its_browser_with_it() -> anyhow::Result<()> {
    let mut program =
        Command::new(env!("CARGO_BIN_EXE_tornado-browser")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut orders = program.stdin.take().context("no standard input")?;
    let answers = program.stdout.take().context("no standard output")?;
    writeln!(orders, r#"{{"do":"open","address":"about:blank","is_cold":false}}"#)?;
    let mut answer = String::new();
    BufReader::new(answers).read_line(&mut answer)?;
    ensure!(answer.contains("first_paint_ms"), "the browser runs: {answer}");
    let started = descendants(program.id());
    ensure!(started.iter().any(|pid| is_browser(*pid)), "one of its processes is the browser");
    program.kill()?;
    program.wait()?;
    for _ in 0..400 {
        if !started.iter().any(|pid| is_running(*pid)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the browser still runs")
}

#[tokio::test]
async fn pages_that_were_left_hold_no_connection() -> anyhow::Result<()> {
    let base = serve().await?;
    let browser = Browser::start().await?;
    // More than the connections that a browser opens to a server.
    for path in ["/", "/sessions", "/users", "/tor", "/services", "/logs", "/keys", "/audit"] {
        let opened = tokio::time::timeout(OPENS_WITHIN, browser.open(&format!("{base}{path}"))).await;
        opened.with_context(|| format!("{path} waits for a connection"))??;
    }
    browser.client().back().await?;
    browser.hydrated().await?;
    let live = "nav a[aria-current='page'][href='/keys']";
    browser.text(live).await.context("the way back leads to the page before")?;
    browser.finish().await
}
