//! A server with a Tor network, a device with its helper, and the window on a display.

use anyhow::Context as _;
use serde_json::json;
use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;
use tokio::runtime::Runtime;
use tornado_e2e_desktop_gui::display::Display;
use tornado_e2e_desktop_gui::driver::{Options, Window, root};
use tornado_e2e_harness::{DeviceProc, Host, Programs};
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_tor::world::TorWorld;

/// Password of the account.
pub const PASSWORD: &str = "correct horse battery";
/// Directory of the pictures of the latest run, below the root of the tree.
const PICTURES: &str = "target/desktop-pictures";

/// Forms that may be longer than the window.
const LONG: [&str; 2] = ["enrol-typed", "add-server"];

/// All of it. Fields end in their order.
pub struct Site {
    /// The helper, in a host of the lab.
    pub device: RefCell<DeviceProc>,
    /// The server.
    pub world: TorWorld,
    /// The screen and the session bus.
    pub display: Display,
    home: tempfile::TempDir,
}

impl Site {
    /// Starts the server and the helper.
    pub fn up() -> anyhow::Result<Self> {
        let world = TorWorld::up(1, |_| Ok(()))?;
        let device = DeviceProc::start(world.world.lab.host("device1")?, Programs::beside())?;
        Ok(Self { device: RefCell::new(device), world, display: Display::up()?, home: tempfile::tempdir()? })
    }

    /// The program as a desktop starts it.
    pub fn command(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(Programs::beside().find("tornado-gui")?);
        self.display.dress(&mut command).env("TORNADO_HELPER_SOCKET", self.device.borrow().socket());
        command.env("HOME", self.home()).env("XDG_CONFIG_HOME", self.home()).env("XDG_DATA_HOME", self.home());
        command.env("XDG_CACHE_HOME", self.home()).env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
        Ok(command)
    }

    /// Directory of the window's configuration.
    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// The host of the device.
    pub fn host(&self) -> Host {
        self.device.borrow().host().clone()
    }

    /// The status that the helper reports to the command line.
    pub fn status(&self) -> anyhow::Result<serde_json::Value> {
        Ok(self.device.borrow().json(&["status"])?)
    }

    /// Enrols the device on the command line.
    pub fn enrol(&self) -> anyhow::Result<()> {
        let link = self.invite()?;
        let enrolled = self.device.borrow().cli_with_password(&["enroll", &link, "--username", "ada"], PASSWORD)?;
        enrolled.success()?;
        Ok(())
    }

    /// Enables the second factor of the account, with another program. Returns a recovery code.
    pub fn second_factor(&self) -> anyhow::Result<String> {
        let api = self.world.world.api();
        self.host().block_on(|| async {
            let mut owner = OriginalClient::new(api)?;
            owner.login("ada", PASSWORD).await?.ok()?;
            let offer = owner.post("/v2/me/totp", &json!({ "password": PASSWORD })).await?.ok()?;
            let secret = offer["secret"].as_str().context("no secret")?.to_owned();
            let codes = owner.put("/v2/me/totp", &json!({ "code": code(&secret)? })).await?.ok()?;
            Ok(codes["codes"][0].as_str().context("no recovery code")?.to_owned())
        })?
    }

    /// An invitation for a new account.
    pub fn invite(&self) -> anyhow::Result<String> {
        self.world.world.invite(3)
    }

    /// For the asynchronous parts of a test.
    pub fn runtime(&self) -> anyhow::Result<Runtime> {
        Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
    }

    /// Opens the window, and checks at the end that its console is empty.
    pub fn drive(&self, work: impl AsyncFnOnce(&Window) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let program = Programs::beside().find("tornado-gui")?;
        self.runtime()?.block_on(async {
            let socket = self.device.borrow().socket();
            let options = Options { program: &program, socket: &socket, home: self.home.path(), arguments: &[] };
            let window = Window::open(&self.display, options).await?;
            if let Err(error) = work(&window).await {
                let _ = self.display.picture(&picture("failed"));
                return Err(error.context(format!("the program wrote: {}", window.said())));
            }
            window.finish().await
        })
    }

    /// Checks the screen, and writes a picture of it in both themes.
    pub async fn look(&self, window: &Window, name: &str) -> anyhow::Result<()> {
        let mut faults = window.faults().await?;
        faults.retain(|fault| !(LONG.contains(&name) && fault.contains("taller than the window")));
        anyhow::ensure!(faults.is_empty(), "{name}: {faults:?}");
        for theme in ["light", "dark"] {
            let dress = format!("document.documentElement.dataset.theme = '{theme}'");
            window.client().execute(&dress, Vec::new()).await?;
            window.drawn().await?;
            self.display.picture(&picture(&format!("{name}-{theme}")))?;
        }
        window.client().execute("delete document.documentElement.dataset.theme", Vec::new()).await?;
        Ok(())
    }

    /// Some seconds of traffic, until the chart shows it.
    pub async fn load(&self, window: &Window) -> anyhow::Result<()> {
        let (host, address) = (self.host(), format!("http://{}/", self.world.world.internet.http_v4()));
        for _ in 0..12 {
            for _ in 0..20 {
                host.exec(&["curl", "-sS", "-o", "/dev/null", &address]).context("load")?;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        window.wait("return document.querySelectorAll('.rates .plot path')[1].getAttribute('d').length > 40").await
    }
}

/// The code of an authenticator now.
pub fn code(secret: &str) -> anyhow::Result<String> {
    let secret = totp_rs::Secret::try_from_base32(secret).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let builder = totp_rs::Builder::new().with_algorithm(totp_rs::Algorithm::SHA1).with_secret(secret);
    let totp = builder.build().map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    Ok(totp.generate(now).to_string())
}

fn picture(name: &str) -> PathBuf {
    root().join(PICTURES).join(format!("{name}.png"))
}
