//! Properties of this machine. Each call reads them again, because they change while services run.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::net::{IpAddr, UdpSocket};
use std::path::{Path, PathBuf};

/// Whether IPv6 works: the kernel supports it, this process may use it, and it is not disabled. `lo` stands for all
/// interfaces, because `net.ipv6.conf.all.disable_ipv6 = 1` disables it there, too.
#[must_use]
pub fn has_ipv6() -> bool {
    let settings = Path::new("/proc/sys/net/ipv6/conf/lo/disable_ipv6");
    let is_on = std::fs::read_to_string(settings).is_ok_and(|text| text.trim() == "0");
    is_on && socket(AddressFamily::Inet6, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).is_ok()
}

/// True for a shell that prevents a login.
#[must_use]
pub fn is_no_shell(shell: &Path) -> bool {
    shell.file_name().is_some_and(|name| name == "nologin" || name == "false")
}

/// The source address of packets to the internet, IPv4 first. Nothing is sent: connecting a UDP socket only looks up
/// the route (udp(7)). The destinations are documentation addresses (RFC 5737, RFC 3849).
#[must_use]
pub fn address() -> Option<IpAddr> {
    let towards = |bind: &str, destination: &str| {
        let socket = UdpSocket::bind(bind).ok()?;
        socket.connect(destination).ok()?;
        let address = socket.local_addr().ok()?.ip();
        (!address.is_unspecified() && !address.is_loopback()).then_some(address)
    };
    towards("0.0.0.0:0", "192.0.2.1:9").or_else(|| towards("[::]:0", "[2001:db8::1]:9"))
}

/// Advice for the operator if `path` is on a file system that is mounted read-only.
#[must_use]
pub fn cure_read_only(path: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let at = mount_point(&mounts, path);
    format!(
        "run `mount -o remount,rw {}` as root, or set [paths] run and [paths] state to writable directories",
        at.display()
    )
}

/// The mount point above `path`. `mounts` has the format of proc_pid_mountinfo(5).
fn mount_point(mounts: &str, path: &Path) -> PathBuf {
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(Path::new);
    let longest = points.filter(|point| path.starts_with(point)).max_by_key(|point| point.components().count());
    longest.unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_shell_is_a_shell() {
        assert!(["/usr/sbin/nologin", "/bin/false"].iter().all(|shell| is_no_shell(Path::new(shell))));
        assert!(!["", "/bin/sh", "/opt/nologin/sh"].iter().any(|shell| is_no_shell(Path::new(shell))));
    }

    #[test]
    fn the_nearest_mount_point_is_named() {
        let mounts =
            "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:5 / /run ro - tmpfs none ro\n3 2 0:6 / /run/x rw - tmpfs none rw\n";
        for (path, point) in [("/run/tornado", "/run"), ("/run/x/y", "/run/x"), ("/running", "/"), ("/var/lib", "/")] {
            assert_eq!(mount_point(mounts, Path::new(path)), Path::new(point), "{path}");
        }
        assert_eq!(mount_point("", Path::new("/a")), Path::new("/"));
    }
}
