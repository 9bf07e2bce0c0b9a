//! All programs and files of the system that this tree uses, with their Debian packages and needs. `lint` compares this
//! table with the sources (`test/lint/calls.rs`), because a program that is missing here fails on a fresh machine.

use crate::shell;
use Need::{Base, Cluster, Fuzz, Kernel, Server, Test, Tree};

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
    /// The suite `kernel`.
    Kernel,
}

/// A program.
pub struct Program {
    /// The name with which it is called, without directories. For a library, its file name.
    pub name: &'static str,
    /// Package in Debian 12.
    pub package: &'static str,
    /// What needs it.
    pub needs: &'static [Need],
}

const fn of(package: &'static str, needs: &'static [Need], name: &'static str) -> Program {
    Program { name, package, needs }
}

/// All programs, ordered by need and package.
pub const PROGRAMS: &[Program] = &[
    of("apt", &[Base], "apt-cache"),
    of("apt", &[Base], "apt-get"),
    of("bsdutils", &[Base], "script"),
    of("coreutils", &[Base], "cat"),
    of("coreutils", &[Base], "chgrp"),
    of("coreutils", &[Base], "chmod"),
    of("coreutils", &[Base], "chown"),
    of("coreutils", &[Base], "cp"),
    of("coreutils", &[Base], "echo"),
    of("coreutils", &[Base], "env"),
    of("coreutils", &[Base], "false"),
    of("coreutils", &[Base], "ls"),
    of("coreutils", &[Base], "mkdir"),
    of("coreutils", &[Base], "mkfifo"),
    of("coreutils", &[Base], "mknod"),
    of("coreutils", &[Base], "mktemp"),
    of("coreutils", &[Base], "rm"),
    of("coreutils", &[Base], "sleep"),
    of("coreutils", &[Base], "stat"),
    of("coreutils", &[Base], "tail"),
    of("coreutils", &[Base], "touch"),
    of("coreutils", &[Base], "true"),
    of("coreutils", &[Base], "wc"),
    of("dash", &[Base], "dash"),
    of("dash", &[Base], "sh"),
    of("dpkg", &[Base], "dpkg"),
    of("dpkg", &[Base], "dpkg-deb"),
    of("dpkg", &[Base], "dpkg-query"),
    of("grep", &[Base], "grep"),
    of("libc-bin", &[Base], "getent"),
    of("libc-bin", &[Base], "ldd"),
    of("mount", &[Base], "mount"),
    of("mount", &[Base], "umount"),
    of("passwd", &[Base], "groupadd"),
    of("passwd", &[Base], "groupdel"),
    of("passwd", &[Base], "useradd"),
    of("passwd", &[Base], "userdel"),
    of("passwd", &[Base], "usermod"),
    of("util-linux", &[Base], "nsenter"),
    of("util-linux", &[Base], "setpriv"),
    of("util-linux", &[Base], "setsid"),
    of("util-linux", &[Base], "unshare"),
    // Optional programs: systemd is used if it runs, sudo if the caller is not root, resolvconf if it manages the
    // device's resolver.
    of("systemd", &[Base], "journalctl"),
    of("systemd", &[Base], "systemctl"),
    of("systemd", &[Base], "systemd-sysusers"),
    of("systemd", &[Base], "systemd-tmpfiles"),
    of("sudo", &[Base], "sudo"),
    of("resolvconf", &[Base], "resolvconf"),
    of("gcc", &[Tree], "cc"),
    of("git", &[Tree], "git"),
    of("rustc", &[Tree], "cargo"),
    of("rustc", &[Tree], "rustc"),
    of("rustup", &[Tree], "rustup"),
    of("nftables", &[Server, Test], "nft"),
    of("tor", &[Server, Test], "tor"),
    of("caddy", &[Test], "caddy"),
    of("curl", &[Test], "curl"),
    of("e2fsprogs", &[Test], "chattr"),
    of("iproute2", &[Test], "ip"),
    of("iproute2", &[Test], "ss"),
    of("iputils-ping", &[Test], "ping"),
    of("libfaketime", &[Test], "libfaketimeMT.so.1"),
    of("nginx-light", &[Test], "nginx"),
    of("obfs4proxy", &[Test], "obfs4proxy"),
    of("procps", &[Test], "kill"),
    of("procps", &[Test], "sysctl"),
    of("prometheus", &[Test], "prometheus"),
    of("prometheus", &[Test], "promtool"),
    of("sqlite3", &[Test], "sqlite3"),
    of("tcpdump", &[Test], "tcpdump"),
    of("tor", &[Test], "tor-gencert"),
    of("wireguard-go", &[Test], "wireguard-go"),
    of("wireguard-tools", &[Test], "wg"),
    of("postgresql", &[Cluster], "pg_dump"),
    of("postgresql", &[Cluster], "pg_isready"),
    of("postgresql", &[Cluster], "psql"),
    of("redis-server", &[Cluster], "redis-server"),
    of("g++", &[Fuzz], "g++"),
    of("qemu-system-x86", &[Kernel], "qemu-system-x86_64"),
    of("busybox-static", &[Kernel], "busybox"),
    of("cpio", &[Kernel], "cpio"),
    of("kmod", &[Kernel], "depmod"),
    of("kmod", &[Kernel], "kmod"),
    of("kmod", &[Kernel, Test], "modinfo"),
];

/// The packages that any of these needs requires, without duplicates.
pub fn packages(needs: &[Need]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for program in PROGRAMS.iter().filter(|program| program.needs.iter().any(|need| needs.contains(need))) {
        if !packages.contains(&program.package) {
            packages.push(program.package);
        }
    }
    packages
}

/// Programs of these needs that are missing, each with its package. Checked separately, because packages change their
/// content.
pub fn absent(needs: &[Need]) -> Vec<String> {
    let needed = PROGRAMS.iter().filter(|program| program.needs.iter().any(|need| needs.contains(need)));
    needed.filter(|program| !is_there(program.name)).map(|p| format!("{} (package {})", p.name, p.package)).collect()
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
    PROGRAMS.iter().any(|program| program.name == name)
}
