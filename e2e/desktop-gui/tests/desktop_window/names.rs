//! The names of all controls, read out through AT-SPI as a screen reader does.

use anyhow::{Context as _, ensure};
use tornado_e2e_desktop_gui::accessible::{self, Object};
use tornado_e2e_desktop_gui::driver::Window;
use zbus::Connection;

/// Roles of controls: check box, combo box, field of a password, button, radio button, toggle button, field, link,
/// switch.
const CONTROLS: [u32; 9] = [7, 11, 40, 43, 44, 62, 79, 88, 130];

/// Reads the main screen, the settings and their pages. `bus` was opened before the program started, as by a screen
/// reader.
pub async fn names(bus: &Connection, window: &Window) -> anyhow::Result<()> {
    window.heading("Not connected").await?;
    let main = named(bus, window, "Connect").await?;
    for name in ["Settings", "Direct", "Tor"] {
        ensure!(main.iter().any(|object| object.name.starts_with(name)), "{name} is not in {main:?}");
    }
    for (page, title, name) in [
        ("Change: Kill switch", "Kill switch", "Apply"),
        ("Change: Networks outside the tunnel", "Networks outside the tunnel", "Add"),
        ("Open: Captive portal", "Captive portal", "Open for 60 seconds"),
        ("Change: Servers", "Servers", "Add a server"),
        ("Change: Second factor", "Second factor", "Set it up"),
        ("Report", "Report", "Save"),
        ("About", "About", "Back"),
    ] {
        window.open_page(page, title).await?;
        named(bus, window, name).await?;
    }
    window.press_labelled("Back").await?;
    named(bus, window, "Start at login").await?;
    window.press_labelled("Back").await?;
    window.heading("Not connected").await
}

/// The controls of the screen once one with this name is among them, as many as the page has, all with a name.
async fn named(bus: &Connection, window: &Window, name: &str) -> anyhow::Result<Vec<Object>> {
    let count = "return [...document.querySelectorAll('button, input, select, textarea, a[href]')]
        .filter(node => node.checkVisibility()).length";
    let (mut seen, mut all) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        let expected = window.client().execute(count, Vec::new()).await?.as_u64().context("no count")?;
        let objects = accessible::objects(bus).await?;
        all.clone_from(&objects);
        seen = objects.into_iter().filter(|object| CONTROLS.contains(&object.role)).collect::<Vec<_>>();
        if seen.len() as u64 == expected && seen.iter().any(|object| object.name == name) {
            let nameless: Vec<_> = seen.iter().filter(|object| object.name.trim().is_empty()).collect();
            ensure!(nameless.is_empty(), "without a name: {nameless:?}");
            return Ok(seen);
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    anyhow::bail!("no control {name}, or not as many as the page has: {seen:?} of {all:?}")
}
