//! The window and its desktop: one instance, invitation links, notifications.

use crate::join;
use crate::site::Site;
use anyhow::ensure;
use std::process::{Command, Stdio};
use tornado_e2e_desktop_gui::display::Group;
use tornado_e2e_desktop_gui::driver::Window;

#[test]
fn the_desktop_opens_links_in_one_window_and_shows_notifications() {
    let site = Site::up().unwrap();
    let log = site.home().join("notifications.log");
    let mut daemon = Command::new("/usr/bin/python3");
    daemon.args(["-m", "dbusmock", "--session", "--template", "notification_daemon", "--logfile"]).arg(&log);
    let _daemon = Group::start(site.display.dress(&mut daemon).stdout(Stdio::null())).unwrap();
    site.drive(async |window| {
        opens_a_link(&site, window).await?;
        join::joins(&site, window).await?;
        window.press("Connect").await?;
        window.heading("Connected").await?;
        notifies(&site, window, &log).await
    })
    .unwrap();
}

/// The desktop starts the program with the link; the running window receives it.
async fn opens_a_link(site: &Site, window: &Window) -> anyhow::Result<()> {
    const LINK: &str = "tornado://vpn.example.net/#an-invitation";
    window.heading("Join a server").await?;
    let mut second = site.command()?;
    let status = second.arg(LINK).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "the second start ended with {status}");
    window.wait(&format!("return document.querySelector('#link')?.value === '{LINK}'")).await
}

/// The server ends the login while the window is not in front.
async fn notifies(site: &Site, window: &Window, log: &std::path::Path) -> anyhow::Result<()> {
    window.client().minimize_window().await?;
    window.wait("return document.hidden || !document.hasFocus()").await?;
    site.world.world.server.cli(&["user", "suspend", "ada"])?.success()?;
    window.heading("Blocked").await?;
    let is_shown = || std::fs::read_to_string(log).is_ok_and(|log| log.contains("Notify") && log.contains("Blocked"));
    window.until("the notification", is_shown).await
}
