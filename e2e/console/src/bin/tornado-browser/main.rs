//! The browser of `cargo xtask bench console`: executes orders from standard input, one JSON object per line, and
//! prints a line for each.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line program prints its results")]

mod document;
mod load;
mod page;
mod probe;

use anyhow::Context as _;
use page::Tab;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// Time limit of an order, in addition to the time for which it measures.
const PATIENCE: Duration = Duration::from_secs(120);

/// An order, one line on standard input. Names are those of operators; addresses begin with `http://`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
enum Order {
    /// Signs the browser in, and sets the size of its window.
    Enter { base: String, name: String, password: String },
    /// Signs in without the browser. Returns the cookie.
    SignIn { base: String, name: String, password: String },
    /// Requests a document `count` times over one connection. `save` writes it to a file.
    Documents { address: String, cookie: Option<String>, count: usize, save: Option<PathBuf> },
    /// Opens a page, with an empty cache if `is_cold`.
    Open { address: String, is_cold: bool },
    /// Records from now on when the number of rows of the page's table changes.
    Watch {},
    /// The recorded changes since a time, in milliseconds since 1970.
    Changes { since_ms: f64 },
    /// Measures the open page for `seconds`, after `settle_s`. With `scrolls`, the table is scrolled now and then.
    Hold { settle_s: u64, seconds: u64, scrolls: bool },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let tab = Tab::start().await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let order: Order = serde_json::from_str(&line).context("invalid order")?;
        let answer = match obey(&tab, order).await {
            Ok(answer) => answer,
            Err(error) => json!({ "error": format!("{error:#}") }),
        };
        println!("{answer}");
    }
    tab.close().await
}

async fn obey(tab: &Tab, order: Order) -> anyhow::Result<Value> {
    let time = if let Order::Hold { settle_s, seconds, .. } = &order { settle_s + seconds } else { 0 };
    let within = PATIENCE + Duration::from_secs(time);
    let work = async {
        match order {
            Order::Enter { base, name, password } => tab.enter(&base, &name, &password).await,
            Order::SignIn { base, name, password } => document::sign_in(&base, &name, &password).await,
            Order::Documents { address, cookie, count, save } => {
                document::measure(&address, cookie.as_deref(), count, save.as_deref()).await
            }
            Order::Open { address, is_cold } => tab.open(&address, is_cold).await,
            Order::Watch {} => tab.watch().await,
            Order::Changes { since_ms } => tab.changes(since_ms).await,
            Order::Hold { settle_s, seconds, scrolls } => load::hold(tab, settle_s, seconds, scrolls).await,
        }
    };
    tokio::time::timeout(within, work).await.with_context(|| format!("the order took longer than {within:?}"))?
}
