//! The window's program, started and driven by `WebKitWebDriver` of Debian.

use crate::display::{Display, Group};
use anyhow::{Context as _, bail, ensure};
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tornado_e2e_webdriver::{self as webdriver, Extension};

pub use tornado_e2e_webdriver::root;

/// The window.
pub struct Window {
    client: Client,
    output: PathBuf,
    _driver: Group,
}

/// What the program is started with.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// Path of the program.
    pub program: &'a Path,
    /// The helper's socket.
    pub socket: &'a Path,
    /// Directory for its configuration and the driver's output.
    pub home: &'a Path,
    /// Arguments of the program.
    pub arguments: &'a [&'a str],
}

impl Window {
    /// Starts driver and program, and waits for the first screen.
    ///
    /// # Errors
    ///
    /// One of them does not start.
    pub async fn open(display: &Display, options: Options<'_>) -> anyhow::Result<Self> {
        let port = webdriver::free_port()?;
        std::fs::create_dir_all(options.home)?;
        let output = options.home.join("window.log");
        let log = File::create(&output)?;
        let mut command = Command::new("WebKitWebDriver");
        command.arg(format!("--port={port}")).stdout(log.try_clone()?).stderr(log);
        display.dress(&mut command).env("TORNADO_HELPER_SOCKET", options.socket);
        command.env("HOME", options.home).env("XDG_CONFIG_HOME", options.home).env("XDG_DATA_HOME", options.home);
        command.env("XDG_CACHE_HOME", options.home).env("LC_ALL", "C.UTF-8").env("GDK_BACKEND", "x11");
        command.env("TAURI_WEBVIEW_AUTOMATION", "true");
        // The display has no graphics card.
        command.env("WEBKIT_DISABLE_DMABUF_RENDERER", "1").env("LIBGL_ALWAYS_SOFTWARE", "1");
        let driver = Group::start(&mut command)?;
        let capabilities = json!({
            "webkitgtk:browserOptions": { "binary": options.program, "args": options.arguments },
        });
        let connected = webdriver::connect(port, capabilities).await;
        let said = || std::fs::read_to_string(&output).unwrap_or_default();
        let client = connected.with_context(|| format!("cannot start the window: {}", said()))?;
        let window = Self { client, output, _driver: driver };
        window.wait("return document.documentElement.dataset.hydrated === 'true'").await.context("the first screen")?;
        Ok(window)
    }

    /// The driver's client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Waits until a script returns true.
    ///
    /// # Errors
    ///
    /// It does not within 30 s, or longer on a busy machine.
    pub async fn wait(&self, script: &str) -> anyhow::Result<()> {
        let within = tornado_e2e_harness::patient(Duration::from_secs(30));
        let pause = Duration::from_millis(100);
        for _ in 0..within.as_millis() / pause.as_millis() {
            if self.client.execute(script, Vec::new()).await? == Value::Bool(true) {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
        }
        let page = self.client.execute("return document.body.innerText", Vec::new()).await?;
        bail!("{script} is not true after {within:?}: {page}; {}", self.said())
    }

    /// Waits for the heading of a screen.
    ///
    /// # Errors
    ///
    /// See [`Self::wait`].
    pub async fn heading(&self, text: &str) -> anyhow::Result<()> {
        let text = serde_json::to_string(text)?;
        self.wait(&format!("return document.querySelector('h1')?.innerText.trim() === {text}")).await
    }

    /// Waits for a text anywhere in the window.
    ///
    /// # Errors
    ///
    /// See [`Self::wait`].
    pub async fn shows(&self, text: &str) -> anyhow::Result<()> {
        let text = serde_json::to_string(text)?;
        self.wait(&format!("return document.body.innerText.includes({text})")).await
    }

    /// Clicks an element.
    ///
    /// # Errors
    ///
    /// It does not appear.
    pub async fn click(&self, css: &str) -> anyhow::Result<()> {
        webdriver::click(&self.client, Locator::Css(css)).await
    }

    /// Clicks the button with these words.
    ///
    /// # Errors
    ///
    /// It does not appear.
    pub async fn press(&self, word: &str) -> anyhow::Result<()> {
        let path = format!("//button[normalize-space()='{word}']");
        webdriver::click(&self.client, Locator::XPath(&path)).await
    }

    /// Clicks the control with this name for screen readers.
    ///
    /// # Errors
    ///
    /// It does not appear.
    pub async fn press_labelled(&self, name: &str) -> anyhow::Result<()> {
        let path = format!("//*[@aria-label='{name}'] | //button[normalize-space()='{name}']");
        webdriver::click(&self.client, Locator::XPath(&path)).await
    }

    /// Opens a page of the settings, from the main screen or another page of the settings.
    ///
    /// # Errors
    ///
    /// It does not appear.
    pub async fn open_page(&self, name: &str, title: &str) -> anyhow::Result<()> {
        let back = "const back = document.querySelector('.win-back .btn-icon'); back?.click(); return true";
        while self.client.execute("return !!document.querySelector('.win-back')", Vec::new()).await? == true {
            self.client.execute(back, Vec::new()).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.click("header .btn-icon").await?;
        self.heading("Settings").await?;
        self.press_labelled(name).await?;
        self.heading(title).await
    }

    /// Fills a field.
    ///
    /// # Errors
    ///
    /// It does not appear.
    pub async fn fill(&self, css: &str, text: &str) -> anyhow::Result<()> {
        webdriver::fill(&self.client, css, text).await
    }

    /// Sets the focus.
    ///
    /// # Errors
    ///
    /// The driver does not respond.
    pub async fn focus(&self, css: &str) -> anyhow::Result<()> {
        self.client.execute("document.querySelector(arguments[0]).focus()", vec![css.into()]).await?;
        Ok(())
    }

    /// Presses keys in the element that has the focus. `U+E014` is the arrow to the right (WebDriver, "Keyboard").
    ///
    /// # Errors
    ///
    /// The driver does not respond.
    pub async fn keys(&self, keys: &str) -> anyhow::Result<()> {
        Ok(self.client.active_element().await?.send_keys(keys).await?)
    }

    /// Waits for something outside of the window.
    ///
    /// # Errors
    ///
    /// It does not happen within 30 s, or longer on a busy machine.
    pub async fn until(&self, what: &str, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
        let started = std::time::Instant::now();
        while !is_so() {
            let within = tornado_e2e_harness::patient(Duration::from_secs(30));
            ensure!(started.elapsed() < within, "{what}: not within {within:?}; {}", self.said());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// What a person would miss on the screen: controls without a name for screen readers, an absent or second `h1`,
    /// content that is wider or taller than the window.
    ///
    /// # Errors
    ///
    /// The driver does not respond.
    pub async fn faults(&self) -> anyhow::Result<Vec<String>> {
        let mut faults = Vec::new();
        let controls = "button, a[href], input, select, textarea, [role=radiogroup], [role=img], [role=meter]";
        for element in self.client.find_all(Locator::Css(controls)).await? {
            let value = serde_json::to_value(&element)?;
            let id = value.as_object().and_then(|value| value.values().next()).and_then(Value::as_str);
            let path = format!("element/{}/computedlabel", id.context("an element without an id")?);
            let label = self.client.issue_cmd(Extension { path, body: None }).await?;
            if label.as_str().unwrap_or_default().trim().is_empty() {
                faults.push(format!("without a name: {}", element.html(false).await?));
            }
        }
        let script = "const faults = [];
            const root = document.documentElement;
            if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
            if (root.scrollWidth > root.clientWidth + 1) faults.push(`wider than the window: ${root.scrollWidth}`);
            if (root.scrollHeight > root.clientHeight + 1) faults.push(`taller than the window: ${root.scrollHeight}`);
            for (const id of [...document.querySelectorAll('[id]')].map(node => node.id))
                if (document.querySelectorAll(`#${id}`).length > 1) faults.push(`twice: ${id}`);
            return faults";
        let more = self.client.execute(script, Vec::new()).await?;
        faults.extend(more.as_array().into_iter().flatten().map(|fault| fault.to_string()));
        Ok(faults)
    }

    /// Chooses a value of a list.
    ///
    /// # Errors
    ///
    /// It does not appear.
    pub async fn choose(&self, css: &str, value: &str) -> anyhow::Result<()> {
        let script = "const list = document.querySelector(arguments[0]); list.value = arguments[1];
            list.dispatchEvent(new Event('change', { bubbles: true })); return list.value === arguments[1]";
        let chosen = self.client.execute(script, vec![css.into(), value.into()]).await?;
        ensure!(chosen == Value::Bool(true), "{css} has no value {value}");
        Ok(())
    }

    /// Waits until the page has drawn its latest changes.
    ///
    /// # Errors
    ///
    /// The driver does not respond.
    pub async fn drawn(&self) -> anyhow::Result<()> {
        let script = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(true)))";
        self.client.execute_async(script, Vec::new()).await?;
        // From the page to the screen, which nothing reports.
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(())
    }

    /// What program and driver have written so far.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// The lines of the window's console.
    #[must_use]
    pub fn console(&self) -> Vec<String> {
        self.said().lines().filter(|line| line.starts_with("CONSOLE ")).map(str::to_owned).collect()
    }

    /// Ends the program, if its console had no lines.
    ///
    /// # Errors
    ///
    /// There were some, or the driver does not respond.
    pub async fn finish(self) -> anyhow::Result<()> {
        let console = self.console();
        ensure!(console.is_empty(), "{console:?}");
        Ok(self.client.clone().close().await?)
    }
}
