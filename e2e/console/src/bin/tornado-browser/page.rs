//! The browser's window.

use crate::probe;
use anyhow::Context as _;
use serde_json::{Value, json};
use std::time::Duration;
use tornado_e2e_console::browser::Browser;

/// Time for a page without a program to be painted.
const PAINT: Duration = Duration::from_millis(500);

/// A browser with one window, whose pages are measured.
pub struct Tab {
    browser: Browser,
}

impl Tab {
    /// Starts the browser.
    pub async fn start() -> anyhow::Result<Self> {
        let browser = Browser::start().await?;
        browser.resize(1440, 900).await?;
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": probe::SCRIPT })).await?;
        // Durations are processor time, which does not depend on other load.
        browser.devtools("Performance.enable", json!({ "timeDomain": "threadTicks" })).await?;
        Ok(Self { browser })
    }

    /// Ends the browser.
    pub async fn close(self) -> anyhow::Result<()> {
        self.browser.close().await
    }

    /// Signs in through the form.
    pub async fn enter(&self, base: &str, name: &str, password: &str) -> anyhow::Result<Value> {
        self.browser.look(base, "en", "light").await?;
        self.browser.sign_in(base, "/settings", name, password).await?;
        Ok(Value::Null)
    }

    /// Opens a page and returns how it was loaded. A page with the console's program is waited for until it is
    /// hydrated.
    pub async fn open(&self, address: &str, is_cold: bool) -> anyhow::Result<Value> {
        if is_cold {
            self.browser.devtools("Network.clearBrowserCache", json!({})).await?;
        }
        self.browser.client().goto(address).await.with_context(|| address.to_owned())?;
        let has_program = "return document.querySelector('script[type=module]') !== null";
        if self.script(has_program, Vec::new()).await? == Value::Bool(true) {
            self.browser.hydrated().await?;
        } else {
            tokio::time::sleep(PAINT).await;
        }
        self.script(probe::OPENED, Vec::new()).await
    }

    /// Starts to record the changes of the table. Returns its rows.
    pub async fn watch(&self) -> anyhow::Result<Value> {
        self.script(probe::WATCH, Vec::new()).await
    }

    /// The changes that were painted since then.
    pub async fn changes(&self, since_ms: f64) -> anyhow::Result<Value> {
        self.script(probe::CHANGES, vec![since_ms.into()]).await
    }

    /// Runs a script in the page.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> anyhow::Result<Value> {
        Ok(self.browser.client().execute(script, arguments).await?)
    }

    /// Collects garbage, and returns the metrics of the page by name.
    pub async fn settled_metrics(&self) -> anyhow::Result<Value> {
        // Finalisers of the first collection release more.
        for _ in 0..3 {
            self.browser.devtools("HeapProfiler.collectGarbage", json!({})).await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.metrics().await
    }

    /// The metrics of the page by name.
    pub async fn metrics(&self) -> anyhow::Result<Value> {
        let all = self.browser.devtools("Performance.getMetrics", json!({})).await?;
        let all = all["metrics"].as_array().context("the browser has no metrics")?;
        Ok(all.iter().filter_map(|one| Some((one["name"].as_str()?.to_owned(), one["value"].clone()))).collect())
    }
}
