//! Properties of this machine. Each call reads them again, because they change while services run.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::ffi::OsStringExt as _;
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
    let at = mount_point(path).unwrap_or_else(|_| "/".into());
    format!(
        "run `mount -o remount,rw {}` as root, or set [paths] run and [paths] state to writable directories",
        at.display()
    )
}

/// The mount point at or above `path`, which has no symbolic links.
///
/// # Errors
/// When the mounts of this process cannot be read.
pub fn mount_point(path: &Path) -> io::Result<PathBuf> {
    Ok(nearest(&std::fs::read("/proc/self/mountinfo")?, path))
}

/// The mount point at or above `path`. `mounts` has the format of proc_pid_mountinfo(5): the fifth field is the mount
/// point, with special characters as octal numbers.
fn nearest(mounts: &[u8], path: &Path) -> PathBuf {
    let fields = mounts.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    let points = fields.map(|field| PathBuf::from(OsString::from_vec(unescaped(field))));
    let longest = points.filter(|point| path.starts_with(point)).max_by_key(|point| point.components().count());
    longest.unwrap_or_else(|| "/".into())
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some((first, after)) = rest.split_first() {
        let number = after.get(..3).filter(|_| *first == b'\\').and_then(|three| std::str::from_utf8(three).ok());
        let byte = number.and_then(|octal| u8::from_str_radix(octal, 8).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(3..).unwrap_or_default() } else { after };
    }
    out
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
            b"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:5 / /run ro - tmpfs none ro\n3 2 0:6 / /run/x rw - tmpfs none rw\n";
        for (path, point) in [("/run/tornado", "/run"), ("/run/x/y", "/run/x"), ("/running", "/"), ("/var/lib", "/")] {
            assert_eq!(nearest(mounts, Path::new(path)), Path::new(point), "{path}");
        }
        assert_eq!(nearest(b"", Path::new("/a")), Path::new("/"));
        assert_eq!(nearest(b"1 0 8:1 / /a\\040b rw", Path::new("/a b/c")), Path::new("/a b"));
    }
}
