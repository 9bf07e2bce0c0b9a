//! The package of the window on Debian machines. Needs root, and what `cargo xtask test packages` prepares.

#![expect(clippy::unwrap_used, reason = "a test panics when a step fails")]

use std::time::Duration;
use tornado_e2e_harness::wait_for;
use tornado_e2e_packages::{Machine, Network, Release, Version, changes};

/// What the packages need, and what shows a window. They stay after the purge.
const OTHERS: &[&str] = &[
    "ca-certificates",
    "nftables",
    "libwebkit2gtk-4.1-0",
    "libayatana-appindicator3-1",
    "desktop-file-utils",
    "dbus-daemon",
    "xvfb",
    "x11-utils",
];
const PACKAGES: [&str; 2] = ["tornado-cli", "tornado-client"];
/// A display without a screen, and the window on it, as a user of the machine.
const DESKTOP: &str = "Xvfb :7 -screen 0 800x900x24 -nolisten tcp >/dev/null 2>&1 & \
                       exec dbus-run-session -- tornado-gui >/srv/ada/output 2>&1";

/// Installation, upgrade, the window, purge.
fn life(release: Release) {
    let machine = Machine::new(release, Network::Separate).unwrap();
    machine.run(&[&["apt-get", "install", "--yes", "--no-install-recommends"], OTHERS].concat()).unwrap();
    let before = machine.files().unwrap();
    for version in [Version::Old, Version::New] {
        machine.install(&PACKAGES.map(|name| version.package(name).unwrap())).unwrap();
    }
    let needed = machine.run(&["dpkg-query", "--show", "--showformat=${Depends}", "tornado-client"]).unwrap();
    for library in ["libwebkit2gtk-4.1-0", "libgtk-3-0", "libayatana-appindicator3-1"] {
        assert!(needed.contains(library), "{library} is no dependency: {needed}");
    }
    let libraries = machine.run(&["ldd", "/usr/bin/tornado-gui"]).unwrap();
    assert!(libraries.contains("libwebkit2gtk-4.1.so.0 => /") && !libraries.contains("not found"), "{libraries}");
    let handlers = std::fs::read_to_string(machine.path("usr/share/applications/mimeinfo.cache")).unwrap();
    assert!(handlers.contains("x-scheme-handler/tornado=org.tornado.client.desktop;\n"), "{handlers}");

    the_window_opens(&machine);

    // The command line goes on without the window.
    machine.run(&["apt-get", "purge", "--yes", "tornado-client"]).unwrap();
    machine.run(&["tornado", "status"]).unwrap();
    assert!(!machine.path("usr/lib/tornado").exists(), "files of the window remain");
    let said = machine.run(&["apt-get", "purge", "--yes", "tornado-cli"]).unwrap();
    let changes = changes(&before, &machine.files().unwrap());
    assert!(changes.is_empty(), "the purge leaves traces:\n{}\n{said}", changes.join("\n"));
}

fn the_window_opens(machine: &Machine) {
    machine.run(&["useradd", "--create-home", "--home-dir=/srv/ada", "--groups", "tornado", "ada"]).unwrap();
    let environment = ["HOME=/srv/ada", "DISPLAY=:7", "WEBKIT_DISABLE_DMABUF_RENDERER=1", "LIBGL_ALWAYS_SOFTWARE=1"];
    let as_ada = ["setpriv", "--reuid=ada", "--regid=ada", "--init-groups", "--", "env"];
    let as_ada = [as_ada.as_slice(), &environment].concat();
    let mut desktop = machine.command(&[as_ada.as_slice(), &["sh", "-c", DESKTOP]].concat()).spawn().unwrap();
    let tree = [as_ada.as_slice(), &["xwininfo", "-root", "-tree"]].concat();
    let shown = wait_for("the window", Duration::from_secs(60), || {
        let windows = machine.run(&tree).unwrap_or_default();
        Ok(windows.contains("\"Tornado VPN\"").then_some(()))
    });
    let said = std::fs::read_to_string(machine.path("srv/ada/output")).unwrap_or_default();
    shown.unwrap_or_else(|error| panic!("{error}: {said}"));
    let pages = machine.run(&["sh", "-c", "cat /proc/[0-9]*/comm"]).unwrap();
    assert!(pages.contains("WebKitWebProces"), "no process shows pages:\n{pages}");
    // All that runs as the user, and then the user.
    let end =
        "for process in /proc/[0-9]*; do [ \"$(stat -c %U $process)\" = ada ] && kill -9 ${process#/proc/}; done; true";
    // A process may start another while they are ended.
    wait_for("the end of the session", Duration::from_secs(30), || {
        drop(machine.run(&["sh", "-c", end]));
        Ok(machine.run(&["userdel", "--remove", "ada"]).is_ok().then_some(()))
    })
    .unwrap();
    drop(desktop.kill());
    desktop.wait().unwrap();
}

#[test]
fn the_window_opens_on_debian_12_and_a_purge_leaves_nothing() {
    life(Release::Bookworm);
}

#[test]
fn the_window_opens_on_debian_13_and_a_purge_leaves_nothing() {
    life(Release::Trixie);
}
