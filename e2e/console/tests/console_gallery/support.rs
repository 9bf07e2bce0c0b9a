//! A Chromium from Debian, driven through its driver and the DevTools protocol.

use anyhow::{Context, bail};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tornado_admin_ui::serve::{Asset, Assets};

/// Root of the tree.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files that `cargo xtask web` built of this package.
pub fn assets() -> anyhow::Result<Assets> {
    let folder = root().join("target/e2e-console");
    let names = std::fs::read_to_string(folder.join("files.txt")).context(
        "no files for the browser; run cargo xtask web --dev --package tornado-e2e-console --out target/e2e-console",
    )?;
    let read = |name: &str| {
        let raw = std::fs::read(folder.join(name))?;
        let nothing = std::borrow::Cow::Borrowed(&[][..]);
        Ok(Asset { name: name.to_owned().into(), raw: raw.into(), brotli: nothing.clone(), gzip: nothing })
    };
    Ok(Assets::of(names.lines().map(read).collect::<anyhow::Result<_>>()?))
}

/// Serves the console with invented data on a free port of loopback.
pub async fn serve() -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = tornado_e2e_console::sample::router(assets()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}

/// Ends the driver's whole process group: without it, Chromium survives a failed test.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        // An error means that the group has ended.
        drop(Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0)]).status());
    }
}

/// A browser with an empty profile.
pub struct Browser {
    client: Client,
    _driver: Group,
    _profile: tempfile::TempDir,
}

/// A request that fantoccini does not know.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    /// Starts driver and browser.
    pub async fn start() -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = tokio::process::Command::new("chromedriver");
        command.arg(format!("--port={port}")).process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().context("cannot start chromedriver")?;
        let driver = Group(child.id().context("chromedriver ended at once")?);
        let profile = tempfile::tempdir()?;
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
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
        let Value::Object(capabilities) = capabilities else { bail!("capabilities are an object") };
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let mut builder = ClientBuilder::new(connector);
        builder.capabilities(capabilities);
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let client = builder.connect(&format!("http://127.0.0.1:{port}")).await.context("cannot start Chromium")?;
        Ok(Self { client, _driver: driver, _profile: profile })
    }

    /// The driver's client.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> anyhow::Result<Value> {
        let body = json!({ "cmd": command, "params": parameters });
        Ok(self.client.issue_cmd(Extension { path: "goog/cdp/execute", body }).await?)
    }

    /// Sets width and height of the page in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) -> anyhow::Result<()> {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
        Ok(())
    }

    /// Sets language and theme, as the cookies of a page's address.
    pub async fn look(&self, base: &str, lang: &str, theme: &str) -> anyhow::Result<()> {
        for (name, value) in [("tornado_lang", lang), ("tornado_theme", theme)] {
            self.devtools("Network.setCookie", json!({ "name": name, "value": value, "url": base })).await?;
        }
        Ok(())
    }

    /// Switches JavaScript on or off from the next page on.
    pub async fn script(&self, is_on: bool) -> anyhow::Result<()> {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": !is_on })).await?;
        Ok(())
    }

    /// Opens a page and waits until the browser's half has taken over.
    pub async fn open(&self, address: &str) -> anyhow::Result<()> {
        self.client.goto(address).await?;
        for _ in 0..300 {
            let ready = "return document.documentElement.dataset.hydrated === 'true'";
            if self.client.execute(ready, Vec::new()).await? == Value::Bool(true) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("{address} was not taken over in the browser: {:?}", self.console().await?)
    }

    /// The lines of the browser's console since the last call: errors and warnings.
    pub async fn console(&self) -> anyhow::Result<Vec<String>> {
        let lines = self.client.issue_cmd(Extension { path: "se/log", body: json!({ "type": "browser" }) }).await?;
        let lines = lines.as_array().cloned().unwrap_or_default();
        let is_loud = |line: &&Value| line["level"] == "SEVERE" || line["level"] == "WARNING";
        Ok(lines.iter().filter(is_loud).map(|line| line["message"].to_string()).collect())
    }

    /// Writes a picture of the whole page.
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
    pub async fn is_too_wide(&self) -> anyhow::Result<bool> {
        let wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth + 1";
        Ok(self.client.execute(wide, Vec::new()).await? == Value::Bool(true))
    }

    /// Ends the browser.
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
