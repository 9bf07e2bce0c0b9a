//! The tray over D-Bus, as a desktop sees it: a StatusNotifierItem with a menu (`com.canonical.dbusmenu`).

use crate::site::Site;
use anyhow::{Context as _, ensure};
use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::time::Duration;
use tornado_e2e_desktop_gui::display::Group;
use tornado_e2e_desktop_gui::driver::Window;
use zbus::Connection;
use zbus::zvariant::{OwnedValue, Value};

/// The service with which trays register.
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
/// The interface of menus.
const MENU: &str = "com.canonical.dbusmenu";

/// Entries of a menu: identifier and properties.
type Entries = Vec<(i32, HashMap<String, OwnedValue>)>;

#[test]
fn the_tray_shows_the_state_and_its_menu_connects() {
    let site = Site::up().unwrap();
    site.enrol().unwrap();
    let log = site.home().join("watcher.log");
    let mut watcher = Command::new("/usr/bin/python3");
    watcher.args(["-m", "dbusmock", "--session", WATCHER, WATCHER_PATH, WATCHER, "--logfile"]).arg(&log);
    let _watcher = Group::start(site.display.dress(&mut watcher).stdout(Stdio::null())).unwrap();
    site.runtime().unwrap().block_on(watch(&site)).unwrap();
    site.drive(async |window| {
        window.heading("Not connected").await?;
        let tray = Tray::find(&site, window, &log).await?;
        tray.has(window, "Not connected").await?;
        let off = tray.icon().await?;
        tray.choose("Connect").await?;
        window.heading("Connected").await?;
        tray.has(window, "Connected").await?;
        ensure!(tray.icon().await? != off, "the icon is another one");
        // The words of the menu are those of the window.
        window.click("header button").await?;
        window.choose("#language", "de").await?;
        tray.has(window, "Verbunden").await?;
        tray.choose("Trennen").await?;
        tray.has(window, "Nicht verbunden").await?;
        ensure!(site.status()?["state"] == "disconnected", "{}", site.status()?);
        Ok(())
    })
    .unwrap();
}

/// Makes the mock a watcher with a host.
async fn watch(site: &Site) -> anyhow::Result<()> {
    let bus = site.display.bus().await?;
    let mock = Some("org.freedesktop.DBus.Mock");
    for _ in 0..100 {
        let method = (WATCHER, "RegisterStatusNotifierItem", "s", "", "");
        if bus.call_method(Some(WATCHER), WATCHER_PATH, mock, "AddMethod", &method).await.is_ok() {
            let property = (WATCHER, "IsStatusNotifierHostRegistered", Value::Bool(true));
            bus.call_method(Some(WATCHER), WATCHER_PATH, mock, "AddProperty", &property).await?;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the watcher does not start")
}

/// The tray of the program.
struct Tray {
    bus: Connection,
    owner: String,
    path: String,
}

impl Tray {
    /// The item that registered.
    async fn find(site: &Site, window: &Window, log: &std::path::Path) -> anyhow::Result<Self> {
        let registered = || {
            let text = std::fs::read_to_string(log).ok()?;
            let (_, after) = text.split_once("RegisterStatusNotifierItem \"")?;
            Some(after.split('"').next()?.to_owned())
        };
        window.until("the tray to register", || registered().is_some()).await?;
        let path = registered().context("no path")?;
        let bus = site.display.bus().await?;
        let names = zbus::fdo::DBusProxy::new(&bus).await?.list_names().await?;
        for owner in names.into_iter().map(|name| name.to_string()).filter(|name| name.starts_with(':')) {
            let tray = Self { bus: bus.clone(), owner, path: path.clone() };
            if tray.entries().await.is_ok_and(|entries| !entries.is_empty()) {
                return Ok(tray);
            }
        }
        anyhow::bail!("no program has a menu at {path}")
    }

    /// The file of the icon.
    async fn icon(&self) -> anyhow::Result<String> {
        let properties = Some("org.freedesktop.DBus.Properties");
        let name = ("org.kde.StatusNotifierItem", "IconName");
        let owner = Some(self.owner.as_str());
        let reply = self.bus.call_method(owner, self.path.as_str(), properties, "Get", &name).await?;
        Ok(reply.body().deserialize::<OwnedValue>()?.try_into()?)
    }

    /// The entries of the menu.
    async fn entries(&self) -> anyhow::Result<Entries> {
        let (owner, menu) = (Some(self.owner.as_str()), format!("{}/Menu", self.path));
        let names: [&str; 0] = [];
        // Identifiers count from 0; those that do not exist are left out of the response.
        let wanted = ((0..200).collect::<Vec<i32>>(), names.as_slice());
        let call = self.bus.call_method(owner, menu.as_str(), Some(MENU), "GetGroupProperties", &wanted);
        Ok(tokio::time::timeout(Duration::from_secs(5), call).await??.body().deserialize()?)
    }

    async fn entry(&self, word: &str) -> anyhow::Result<i32> {
        let entries = self.entries().await?;
        let is_it = |properties: &HashMap<String, OwnedValue>| {
            properties.get("label").and_then(|label| String::try_from(label.clone()).ok()).as_deref() == Some(word)
        };
        let found = entries.iter().find(|(_, properties)| is_it(properties)).map(|(id, _)| *id);
        found.with_context(|| format!("no entry {word} in {entries:?}"))
    }

    /// Waits for an entry.
    async fn has(&self, window: &Window, word: &str) -> anyhow::Result<()> {
        for _ in 0..150 {
            if self.entry(word).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.entry(word).await.map(drop).with_context(|| window.said())
    }

    /// Chooses an entry, as a click does.
    async fn choose(&self, word: &str) -> anyhow::Result<()> {
        let (owner, menu) = (Some(self.owner.as_str()), format!("{}/Menu", self.path));
        let event = (self.entry(word).await?, "clicked", Value::I32(0), 0_u32);
        self.bus.call_method(owner, menu.as_str(), Some(MENU), "Event", &event).await?;
        Ok(())
    }
}
