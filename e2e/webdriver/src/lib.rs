//! Driving a page through WebDriver: what the console's browser and the desktop client's window have in common.

#![forbid(unsafe_code)]

use anyhow::{Context as _, bail};
use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Root of the tree.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A port of the loopback address on which nothing listens now.
///
/// # Errors
///
/// No port is free.
pub fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits up to 10 s for the driver, and starts a session.
///
/// # Errors
///
/// The driver does not listen, or it cannot start its browser.
pub async fn connect(port: u16, capabilities: Value) -> anyhow::Result<Client> {
    let Value::Object(capabilities) = capabilities else { bail!("capabilities are an object") };
    let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
    builder.capabilities(capabilities);
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(builder.connect(&format!("http://127.0.0.1:{port}")).await?)
}

/// A request of the session that fantoccini does not know.
#[derive(Debug)]
pub struct Extension {
    /// Path below that of the session.
    pub path: String,
    /// Body of a `POST`; without one, the request is a `GET`.
    pub body: Option<Value>,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        match &self.body {
            Some(body) => (http::Method::POST, Some(body.to_string())),
            None => (http::Method::GET, None),
        }
    }
}

/// Waits for an element and clicks it; again if the page replaced it in between.
///
/// # Errors
///
/// It does not appear.
pub async fn click(client: &Client, place: Locator<'_>) -> anyhow::Result<()> {
    for _ in 0..10 {
        match click_once(client, place).await {
            Err(error) if error.to_string().contains("stale element") => {}
            clicked => return clicked.with_context(|| format!("{place:?}")),
        }
    }
    bail!("{place:?} is replaced all the time")
}

async fn click_once(client: &Client, place: Locator<'_>) -> Result<(), CmdError> {
    let element = client.wait().for_element(place).await?;
    // The driver scrolls an element only if it is outside of the window, not if a bar covers it.
    let argument = serde_json::to_value(&element)?;
    client.execute("arguments[0].scrollIntoView({ block: 'center' })", vec![argument]).await?;
    element.click().await
}

/// Waits for a field and fills it.
///
/// # Errors
///
/// It does not appear.
pub async fn fill(client: &Client, css: &str, text: &str) -> anyhow::Result<()> {
    let element = client.wait().for_element(Locator::Css(css)).await.with_context(|| css.to_owned())?;
    element.clear().await?;
    element.send_keys(text).await.with_context(|| css.to_owned())
}
