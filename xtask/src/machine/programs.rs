//! All programs and files of the system that this tree uses, with their Debian packages and needs. `lint` compares this
//! table with the sources (`test/lint/calls.rs`), because a program that is missing here fails on a fresh machine.

use crate::shell;
use Need::{Base, Cluster, Desktop, Fuzz, Kernel, Package, Server, Test, Tree, Windows};

/// What needs a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Part of every Debian (priority `required`, or `apt` itself): not installed by us.
    Base,
    /// Needed by the working tree: part of the toolchain or the checkout.
    Tree,
    /// A server or a device: `up`.
    Server,
    /// Labs and system tests: `lab`, `test`, `bench`.
    Test,
    /// The profile `cluster`, in tests and benches.
    Cluster,
    /// Coverage-guided fuzzing.
    Fuzz,
    /// The window of the desktop client: building it, and the suite `desktop`.
    Desktop,
    /// The suite `kernel`.
    Kernel,
    /// Packages: `dist`, and the suite `packages`.
    Package,
    /// The client for Windows: the suite `windows`.
    Windows,
}

/// A Debian 12 package, what needs it, and its programs by the names with which they are called, without directories;
/// a library by its file name.
type Row = (&'static str, &'static [Need], &'static [&'static str]);

/// All programs, ordered by need and package.
const PROGRAMS: &[Row] = &[
    ("apt", &[Base], &["apt-cache", "apt-get"]),
    ("bsdutils", &[Base], &["script"]),
    (
        "coreutils",
        &[Base],
        &[
            "cat",
            "chgrp",
            "chmod",
            "chown",
            "cp",
            "date",
            "echo",
            "env",
            "false",
            "ln",
            "ls",
            "md5sum",
            "mkdir",
            "mkfifo",
            "mknod",
            "mktemp",
            "nice",
            "rm",
            "rmdir",
            "sha256sum",
            "sleep",
            "stat",
            "tail",
            "test",
            "timeout",
            "touch",
            "true",
            "wc",
        ],
    ),
    ("dash", &[Base], &["dash", "sh"]),
    ("dpkg", &[Base], &["dpkg", "dpkg-deb", "dpkg-query"]),
    ("findutils", &[Base], &["find"]),
    ("grep", &[Base], &["grep"]),
    ("gzip", &[Base], &["gzip"]),
    ("libc-bin", &[Base], &["getent", "ldd"]),
    ("mount", &[Base], &["mount", "umount"]),
    ("passwd", &[Base], &["groupadd", "groupdel", "useradd", "userdel", "usermod"]),
    ("util-linux", &[Base], &["nsenter", "pivot_root", "setpriv", "setsid", "unshare"]),
    // Optional programs: systemd is used if it runs, sudo if the caller is not root, resolvconf if it manages the
    // device's resolver.
    // The journal is not in the search path.
    ("systemd", &[Base], &["journalctl", "systemctl", "systemd-journald", "systemd-sysusers", "systemd-tmpfiles"]),
    ("sudo", &[Base], &["sudo"]),
    ("resolvconf", &[Base], &["resolvconf"]),
    ("gcc", &[Tree], &["cc"]),
    ("git", &[Tree], &["git"]),
    ("rustc", &[Tree], &["cargo", "rustc"]),
    ("rustup", &[Tree], &["rustup"]),
    // Certificates, which DNS over TLS and clients of other servers need.
    ("ca-certificates", &[Server, Test], &[]),
    ("nftables", &[Server, Test], &["nft"]),
    ("tor", &[Server, Test], &["tor"]),
    ("caddy", &[Test], &["caddy"]),
    ("chromium", &[Test], &["chromium"]),
    ("chromium-driver", &[Test], &["chromedriver"]),
    ("npm", &[Test], &["npm"]),
    ("curl", &[Test], &["curl"]),
    ("dbus-daemon", &[Test], &["dbus-daemon"]),
    ("e2fsprogs", &[Test], &["chattr"]),
    ("iproute2", &[Test], &["ip", "ss"]),
    ("iputils-ping", &[Test], &["ping"]),
    ("libfaketime", &[Test], &["libfaketimeMT.so.1"]),
    ("nginx-light", &[Test], &["nginx"]),
    ("obfs4proxy", &[Test], &["obfs4proxy"]),
    ("procps", &[Test], &["kill", "sysctl"]),
    ("prometheus", &[Test], &["prometheus", "promtool"]),
    // A library of Debian's Python, which another python3 in the search path does not find.
    ("python3-dbusmock", &[Test], &[]),
    ("python3-minimal", &[Test], &["python3"]),
    // Its module, which python3 finds by itself.
    ("python3-venv", &[Test], &[]),
    ("sqlite3", &[Test], &["sqlite3"]),
    ("systemd", &[Test], &["systemd-analyze", "systemd-cat"]),
    ("tcpdump", &[Test], &["tcpdump"]),
    ("tor", &[Test], &["tor-gencert"]),
    ("wireguard-go", &[Test], &["wireguard-go"]),
    ("wireguard-tools", &[Test], &["wg"]),
    ("postgresql", &[Cluster], &["pg_dump", "pg_isready", "psql"]),
    ("redis-server", &[Cluster], &["redis-server"]),
    ("g++", &[Fuzz], &["g++"]),
    // Libraries that the window is linked with, without programs.
    ("libayatana-appindicator3-dev", &[Desktop], &[]),
    ("librsvg2-dev", &[Desktop], &[]),
    ("libwebkit2gtk-4.1-dev", &[Desktop], &[]),
    // The accessibility bus, which the session bus starts.
    ("at-spi2-core", &[Desktop], &[]),
    ("openbox", &[Desktop], &["openbox"]),
    ("webkit2gtk-driver", &[Desktop], &["WebKitWebDriver"]),
    ("xvfb", &[Desktop], &["Xvfb"]),
    ("qemu-system-x86", &[Kernel], &["qemu-system-x86_64"]),
    ("busybox-static", &[Kernel], &["busybox"]),
    ("cpio", &[Kernel], &["cpio"]),
    ("kmod", &[Kernel], &["depmod", "kmod"]),
    ("kmod", &[Kernel, Test], &["modinfo"]),
    ("appstream", &[Package], &["appstreamcli"]),
    ("binutils", &[Package], &["strip"]),
    ("debian-archive-keyring", &[Package], &[]),
    ("desktop-file-utils", &[Package], &["desktop-file-validate"]),
    ("dpkg-dev", &[Package], &["dpkg-scanpackages", "dpkg-shlibdeps"]),
    ("gpg", &[Package], &["gpg"]),
    ("gpgconf", &[Package], &["gpgconf"]),
    ("lintian", &[Package], &["lintian"]),
    ("minisign", &[Package], &["minisign"]),
    ("man-db", &[Package], &["man"]),
    ("mmdebstrap", &[Package], &["mmdebstrap"]),
    ("rpm", &[Package], &["rpm", "rpmbuild", "rpmsign"]),
    ("rpmlint", &[Package], &["rpmlint"]),
    ("binutils-mingw-w64-x86-64", &[Windows], &["x86_64-w64-mingw32-strip"]),
    ("gcc-mingw-w64-x86-64", &[Windows], &["x86_64-w64-mingw32-gcc"]),
    ("libfaketime", &[Windows], &[]),
    ("msitools", &[Windows], &["msibuild"]),
    ("openssl", &[Windows], &["openssl"]),
    ("osslsigncode", &[Windows], &["osslsigncode"]),
    ("wixl", &[Windows], &["wixl"]),
    ("wine", &[Windows], &["wine", "wineboot", "wineserver"]),
    // Its programs for 64 bits, which wine only recommends.
    ("wine64", &[Windows], &[]),
];

fn needed(needs: &[Need]) -> impl Iterator<Item = &'static Row> {
    PROGRAMS.iter().filter(|(_, of, _)| of.iter().any(|need| needs.contains(need)))
}

/// The packages that any of these needs requires, without duplicates.
pub fn packages(needs: &[Need]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for (package, ..) in needed(needs) {
        if !packages.contains(package) {
            packages.push(*package);
        }
    }
    packages
}

/// Programs of these needs that are missing, each with its package. Checked separately, because packages change their
/// content.
pub fn absent(needs: &[Need]) -> Vec<String> {
    let named = needed(needs).flat_map(|(package, _, names)| names.iter().map(move |name| (package, name)));
    named.filter(|(_, name)| !is_there(name)).map(|(package, name)| format!("{name} (package {package})")).collect()
}

/// Returns true for a program in the search path, or a library in the directory of its package.
fn is_there(name: &str) -> bool {
    let of_machines = || std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    shell::has(name)
        || name.contains(".so.") && of_machines().any(|dir| dir.path().join("faketime").join(name).is_file())
}

/// Returns true if the table contains a program with this name or this last path component.
pub fn knows(called: &str) -> bool {
    let name = called.rsplit('/').next().unwrap_or(called);
    PROGRAMS.iter().any(|(.., names)| names.contains(&name))
}
