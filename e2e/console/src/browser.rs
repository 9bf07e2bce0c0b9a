//! A Chromium of Debian, driven through its driver and the DevTools protocol.

use anyhow::{Context, bail, ensure};
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tornado_e2e_webdriver::{self as webdriver, Extension};

pub use tornado_e2e_webdriver::root;

/// Starts the driver, and ends its process group, to which Chromium belongs, when standard input ends. Without it,
/// Chromium would survive a failed test, or one that was killed at its time limit.
const GUARD: &str = "chromedriver \"$@\" >/dev/null 2>&1 & cat; kill -KILL 0";

/// Driver and browser. They end with this value, or with this process.
struct Group(Child);

impl Group {
    fn start(port: u16) -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "sh", &format!("--port={port}")]);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
        Ok(Self(command.spawn().context("cannot start chromedriver")?))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // An error means that the group has ended.
        drop(self.0.wait());
    }
}

/// A browser with an empty profile.
pub struct Browser {
    client: Client,
    _driver: Group,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts driver and browser, in the network of the calling thread.
    ///
    /// # Errors
    ///
    /// One of them does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let port = webdriver::free_port()?;
        let driver = Group::start(port)?;
        let profile = tempfile::tempdir()?;
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            // Otherwise Chromium can look for a proxy in the network first, which took 6 s for each page.
            "--no-proxy-server",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({
            "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = webdriver::connect(port, capabilities).await.context("cannot start Chromium")?;
        Ok(Self { client, _driver: driver, _profile: profile })
    }

    /// The driver's client.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// A command of the DevTools protocol.
    ///
    /// # Errors
    ///
    /// The browser refuses it.
    pub async fn devtools(&self, command: &str, parameters: Value) -> anyhow::Result<Value> {
        let body = json!({ "cmd": command, "params": parameters });
        Ok(self.client.issue_cmd(Extension { path: "goog/cdp/execute".to_owned(), body: Some(body) }).await?)
    }

    /// Sets width and height of the page in CSS pixels.
    ///
    /// # Errors
    ///
    /// The browser refuses it.
    pub async fn resize(&self, width: u32, height: u32) -> anyhow::Result<()> {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
        Ok(())
    }

    /// Sets language and theme, as the cookies of a page's address.
    ///
    /// # Errors
    ///
    /// The browser refuses it.
    pub async fn look(&self, base: &str, lang: &str, theme: &str) -> anyhow::Result<()> {
        for (name, value) in [("tornado_lang", lang), ("tornado_theme", theme)] {
            self.devtools("Network.setCookie", json!({ "name": name, "value": value, "url": base })).await?;
        }
        Ok(())
    }

    /// Signs in as an operator, through the form to which a page without a sign-in leads, and returns to the page.
    ///
    /// # Errors
    ///
    /// The page does not lead to the form, or the server refuses the sign-in.
    pub async fn sign_in(&self, base: &str, page: &str, name: &str, password: &str) -> anyhow::Result<()> {
        self.open(&format!("{base}{page}")).await?;
        let address = self.client.current_url().await?;
        ensure!(address.path() == "/sign-in", "a page without a sign-in leads to it, not to {address}");
        self.fill("#name", name).await?;
        self.fill("#password", password).await?;
        self.click("form[action='/sign-in'] button[type=submit]").await?;
        self.text(&format!("nav a[aria-current='page'][href='{page}']")).await?;
        self.hydrated().await
    }

    /// Switches JavaScript on or off from the next page on.
    ///
    /// # Errors
    ///
    /// The browser refuses it.
    pub async fn script(&self, is_on: bool) -> anyhow::Result<()> {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": !is_on })).await?;
        Ok(())
    }

    /// Opens a page and waits until the browser's half has taken over.
    ///
    /// # Errors
    ///
    /// The page cannot be opened, or is not taken over within 30 s.
    pub async fn open(&self, address: &str) -> anyhow::Result<()> {
        self.client.goto(address).await?;
        self.hydrated().await
    }

    /// Waits until the browser's half has taken over the page, unless it is one of the server alone.
    ///
    /// # Errors
    ///
    /// It does not within 30 s.
    pub async fn hydrated(&self) -> anyhow::Result<()> {
        for _ in 0..300 {
            let ready = "const page = document.documentElement.dataset; \
                         return page.hydrated === 'true' || page.still === 'true'";
            if self.client.execute(ready, Vec::new()).await? == Value::Bool(true) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let address = self.client.current_url().await?;
        bail!("{address} was not taken over in the browser: {:?}", self.console().await?)
    }

    /// The lines of the browser's console since the last call: errors and warnings.
    ///
    /// # Errors
    ///
    /// The browser does not respond.
    pub async fn console(&self) -> anyhow::Result<Vec<String>> {
        let body = Some(json!({ "type": "browser" }));
        let lines = self.client.issue_cmd(Extension { path: "se/log".to_owned(), body }).await?;
        let lines = lines.as_array().cloned().unwrap_or_default();
        let is_loud = |line: &&Value| line["level"] == "SEVERE" || line["level"] == "WARNING";
        Ok(lines.iter().filter(is_loud).map(|line| line["message"].to_string()).collect())
    }

    /// Writes a picture of the whole page.
    ///
    /// # Errors
    ///
    /// The browser does not respond, or the file cannot be written.
    pub async fn picture(&self, path: &Path) -> anyhow::Result<()> {
        let size = self.devtools("Page.getLayoutMetrics", json!({})).await?;
        let clip = json!({
            "x": 0, "y": 0, "scale": 1,
            "width": size["cssContentSize"]["width"], "height": size["cssContentSize"]["height"],
        });
        let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let shot = self.devtools("Page.captureScreenshot", wanted).await?;
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            shot["data"].as_str().context("no picture")?,
        )?;
        std::fs::create_dir_all(path.parent().context("no folder")?)?;
        Ok(std::fs::write(path, bytes)?)
    }

    /// The serious and critical violations that axe-core finds on the page.
    ///
    /// # Errors
    ///
    /// axe-core cannot be installed or run.
    pub async fn violations(&self) -> anyhow::Result<Vec<String>> {
        let source = axe()?;
        self.client.execute(&source, Vec::new()).await?;
        let run = "const done = arguments[0]; axe.run(document, { resultTypes: ['violations'] })
            .then(found => done(found.violations), error => done([{ impact: 'critical', id: String(error), nodes: [] }]))";
        let found = self.client.execute_async(run, Vec::new()).await?;
        let found = found.as_array().cloned().unwrap_or_default();
        let serious = found.iter().filter(|one| one["impact"] == "serious" || one["impact"] == "critical");
        Ok(serious
            .map(|one| {
                let nodes = one["nodes"].as_array().cloned().unwrap_or_default();
                let places: Vec<String> = nodes
                    .iter()
                    .take(4)
                    .map(|node| format!("{} {}", node["target"], node["any"][0]["message"]))
                    .collect();
                format!("{}: {}", one["id"], places.join(", "))
            })
            .collect())
    }

    /// Whether the page scrolls sideways.
    ///
    /// # Errors
    ///
    /// The browser does not respond.
    pub async fn is_too_wide(&self) -> anyhow::Result<bool> {
        let wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth + 1";
        Ok(self.client.execute(wide, Vec::new()).await? == Value::Bool(true))
    }

    /// Waits for an element and clicks it.
    ///
    /// # Errors
    ///
    /// It does not appear.
    pub async fn click(&self, css: &str) -> anyhow::Result<()> {
        webdriver::click(&self.client, Locator::Css(css)).await
    }

    /// Clicks the button or link of the page's content with these words.
    ///
    /// # Errors
    ///
    /// It does not appear.
    pub async fn press(&self, word: &str) -> anyhow::Result<()> {
        let path = format!("//main//*[self::button or self::a][normalize-space()='{word}']");
        webdriver::click(&self.client, Locator::XPath(&path)).await
    }

    /// Waits for an element and returns its text.
    ///
    /// # Errors
    ///
    /// It does not appear.
    pub async fn text(&self, css: &str) -> anyhow::Result<String> {
        let element = self.client.wait().for_element(Locator::Css(css)).await.with_context(|| css.to_owned())?;
        Ok(element.text().await?)
    }

    /// Waits for a field and fills it.
    ///
    /// # Errors
    ///
    /// It does not appear.
    pub async fn fill(&self, css: &str, text: &str) -> anyhow::Result<()> {
        webdriver::fill(&self.client, css, text).await
    }

    /// Adds an authenticator that confirms every request at once.
    ///
    /// # Errors
    ///
    /// The browser refuses it.
    pub async fn add_authenticator(&self) -> anyhow::Result<()> {
        self.devtools("WebAuthn.enable", json!({})).await?;
        let options = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true,
        });
        self.devtools("WebAuthn.addVirtualAuthenticator", json!({ "options": options })).await?;
        Ok(())
    }

    /// Ends the browser, if its console had no errors and warnings.
    ///
    /// # Errors
    ///
    /// There were some, or the browser does not respond.
    pub async fn finish(self) -> anyhow::Result<()> {
        let console = self.console().await?;
        ensure!(console.is_empty(), "{console:?}");
        self.close().await
    }

    /// Ends the browser.
    ///
    /// # Errors
    ///
    /// The browser does not respond.
    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.client.clone().close().await?)
    }
}

/// The program of axe-core, installed from npm once.
fn axe() -> anyhow::Result<String> {
    let folder = root().join("target/axe");
    let program = folder.join("node_modules/axe-core/axe.min.js");
    if !program.exists() {
        std::fs::create_dir_all(&folder)?;
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
        if !install.arg("axe-core@4.14.1").stdout(Stdio::null()).status()?.success() {
            bail!("cannot install axe-core from npm");
        }
    }
    Ok(std::fs::read_to_string(program)?)
}
