//! Processes of a lab: resource usage from `/proc`, services, devices.

use anyhow::Context as _;
use serde_json::Value;
use tornado_e2e_harness::{DeviceProc, ServerProc};

/// CPU time (user and system) of a process and its threads in seconds; proc_pid_stat(5). The resolution is one clock
/// tick, 10 ms.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let ticks = cpu_ticks(&text).with_context(|| format!("cannot parse {path}"))?;
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.unwrap_or(100);
    Ok(ticks as f64 / per_second as f64)
}

/// Resident memory of a process in bytes; proc_pid_status(5).
pub fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    kib_line(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// Bytes as MiB, rounded to a tenth.
pub fn mebi(bytes: u64) -> f64 {
    (bytes as f64 / f64::from(1 << 20) * 10.0).round() / 10.0
}

/// The value in bytes of a line such as `VmRSS:  4 kB` in a file of `/proc`.
pub fn kib_line(path: &str, name: &str) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let kib = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.map(|kib: u64| kib * 1024).with_context(|| format!("{path} has no {name}"))
}

/// The services in the supervisor's status, with their pids.
pub fn pids(status: &Value) -> anyhow::Result<Vec<(String, u32)>> {
    let services = status["services"].as_array().context("the status has no services")?;
    let one = |service: &Value| {
        let pid = u32::try_from(service["pid"].as_u64()?).ok()?;
        Some((service["name"].as_str()?.to_owned(), pid))
    };
    services
        .iter()
        .map(|service| one(service).with_context(|| format!("a service has no process: {service}")))
        .collect()
}

/// Creates an account with a device.
pub fn enroll(server: &ServerProc, device: &DeviceProc, account: &str, password: &str) -> anyhow::Result<()> {
    let answer = server.json(&["invite", "create"])?;
    let link = answer["link"].as_str().context("the response has no link")?;
    device.cli_with_password(&["enroll", link, "--username", account], password)?.success()?;
    Ok(())
}

/// Sums up fields 14 and 15. The name in field 2 may contain spaces and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 7 5 0 0 20 0 1 0 100 1000 10";
        assert_eq!(cpu_ticks(stat), Some(12));
        assert_eq!(cpu_ticks("42"), None);
    }

    #[test]
    fn we_ourselves_are_measured() {
        assert!(cpu_seconds(std::process::id()).unwrap() >= 0.0);
        assert!(resident_bytes(std::process::id()).unwrap() > 1024);
    }
}
