//! What differs between operating systems: names, versions, and commands that show what the helper configured.

use std::path::PathBuf;
use std::process::Command;

/// Commands whose output shows what the helper configured. They require root.
#[cfg(unix)]
pub(crate) const COMMANDS: [&[&str]; 5] = [
    &["nft", "list", "table", "inet", "tornado_device"],
    &["ip", "rule"],
    &["ip", "-6", "rule"],
    &["ip", "route", "show", "table", "29807"],
    &["ip", "-br", "link"],
];
/// Commands whose output shows what the helper configured.
#[cfg(windows)]
pub(crate) const COMMANDS: [&[&str]; 3] =
    [&["ipconfig", "/all"], &["route", "print"], &["netsh", "interface", "ipv4", "show", "interfaces"]];

/// The host name; empty if unknown.
#[cfg(unix)]
pub(crate) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default()
}

#[cfg(windows)]
pub(crate) fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// Versions of the operating system, with titles.
#[cfg(unix)]
pub(crate) fn version() -> Vec<(&'static str, String)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    vec![("system", read("/etc/os-release")), ("kernel", read("/proc/sys/kernel/osrelease"))]
}

#[cfg(windows)]
pub(crate) fn version() -> Vec<(&'static str, String)> {
    let output = system_program("cmd").args(["/d", "/c", "ver"]).output();
    vec![("system", output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default())]
}

/// Path of the helper's log.
#[cfg(unix)]
pub(crate) fn log() -> PathBuf {
    "/var/log/tornado-helper/helper.log".into()
}

#[cfg(windows)]
pub(crate) fn log() -> PathBuf {
    let data = tornado_windows::os::program_data().unwrap_or_else(|_| r"C:\ProgramData".into());
    data.join("Tornado VPN").join("log").join("helper.log")
}

/// A program of the operating system, whatever the user's search path.
#[cfg(unix)]
pub(crate) fn system_program(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

#[cfg(windows)]
pub(crate) fn system_program(program: &str) -> Command {
    let root = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
    Command::new(PathBuf::from(root).join("System32").join(format!("{program}.exe")))
}
