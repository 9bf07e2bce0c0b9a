//! Metrics of this host from /proc (proc(5)).

use nix::sys::statvfs::statvfs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::time::Instant;

/// Bytes of a sector in /proc/diskstats, whatever the disk's own sectors are.
const SECTOR: u64 = 512;

/// What is read at one time. Counters only grow, until a device is replaced.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostState {
    /// Time of all processors, busy and in total, in ticks.
    pub cpu: (u64, u64),
    /// Values that are not counters.
    pub gauges: BTreeMap<String, f64>,
    /// Counters; their names are those of their rates per second.
    pub counters: BTreeMap<String, u64>,
}

/// Samples this host.
#[derive(Debug)]
pub struct HostSampler {
    state_dir: PathBuf,
    previous: Option<(Instant, HostState)>,
}

impl HostSampler {
    /// Includes the file system of `state_dir`.
    #[must_use]
    pub const fn new(state_dir: PathBuf) -> Self {
        Self { state_dir, previous: None }
    }

    /// Values now; the first sample has no rates.
    pub fn sample(&mut self) -> BTreeMap<String, f64> {
        let (now, state) = (Instant::now(), read(&self.state_dir));
        let values = match &self.previous {
            Some((at, previous)) => host_values(previous, &state, now.duration_since(*at).as_secs_f64()),
            None => state.gauges.clone(),
        };
        self.previous = Some((now, state));
        values
    }
}

/// The values between two states, `seconds` apart. A counter that became smaller has no rate. Pure.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "rates need no more precision")]
pub fn host_values(previous: &HostState, state: &HostState, seconds: f64) -> BTreeMap<String, f64> {
    let mut values = state.gauges.clone();
    if seconds <= 0.0 {
        return values;
    }
    let (busy, total) = (state.cpu.0.checked_sub(previous.cpu.0), state.cpu.1.checked_sub(previous.cpu.1));
    if let (Some(busy), Some(total @ 1..)) = (busy, total) {
        values.insert("host.cpu_ratio".into(), busy as f64 / total as f64);
    }
    for (name, counter) in &state.counters {
        let before = previous.counters.get(name);
        if let Some(grown) = before.and_then(|before| counter.checked_sub(*before)) {
            values.insert(name.clone(), grown as f64 / seconds);
        }
    }
    values
}

/// What cannot be read is left out.
#[expect(clippy::cast_precision_loss, reason = "bytes need no more precision")]
fn read(state_dir: &Path) -> HostState {
    let text = |name: &str| std::fs::read_to_string(Path::new("/proc").join(name)).unwrap_or_default();
    let mut state = HostState { cpu: cpu(&text("stat")).unwrap_or_default(), ..HostState::default() };
    let mut gauge = |name: &str, value: f64| state.gauges.extend([(format!("host.{name}"), value)]);
    let meminfo = text("meminfo");
    for (name, of) in [
        ("memory_total_bytes", "MemTotal"),
        ("memory_available_bytes", "MemAvailable"),
        ("swap_total_bytes", "SwapTotal"),
        ("swap_free_bytes", "SwapFree"),
    ] {
        if let Some(bytes) = memory(&meminfo, of) {
            gauge(name, bytes as f64);
        }
    }
    let load = text("loadavg");
    for (name, word) in ["load1", "load5", "load15"].into_iter().zip(load.split_whitespace()) {
        if let Ok(load) = word.parse() {
            gauge(name, load);
        }
    }
    if let Ok(disk) = statvfs(state_dir) {
        gauge("disk_total_bytes", disk.blocks() as f64 * disk.fragment_size() as f64);
        gauge("disk_available_bytes", disk.blocks_available() as f64 * disk.fragment_size() as f64);
    }
    // Partitions repeat their disk; loop devices and RAM disks repeat files.
    let is_disk = |name: &str| Path::new("/sys/block").join(name).join("device").exists();
    state.counters.extend(disks(&text("diskstats")).filter(|(name, _)| is_disk(name)).flat_map(|(name, counters)| {
        counters.map(|(counter, value)| (format!("host.{counter}_per_second{{disk={name}}}"), value))
    }));
    state.counters.extend(interfaces(&text("self/net/dev")).flat_map(|(name, counters)| {
        counters.map(|(counter, value)| (format!("host.{counter}_per_second{{interface={name}}}"), value))
    }));
    state
}

/// Busy and total ticks of all processors from `/proc/stat`. Time of guests is part of `user` and `nice`.
fn cpu(text: &str) -> Option<(u64, u64)> {
    let ticks = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = ticks.split_whitespace().map_while(|word| word.parse().ok()).take(8).collect();
    let total: u64 = ticks.iter().sum();
    let waiting = ticks.get(3)?.saturating_add(ticks.get(4).copied().unwrap_or_default());
    Some((total.saturating_sub(waiting), total))
}

/// A value of `/proc/meminfo` in bytes.
fn memory(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

type Counters<const N: usize> = [(&'static str, u64); N];

/// Disks of `/proc/diskstats`.
fn disks(text: &str) -> impl Iterator<Item = (&str, Counters<2>)> {
    text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let bytes = |at: usize| words.get(at)?.parse::<u64>().ok()?.checked_mul(SECTOR);
        Some((*words.get(2)?, [("disk_read_bytes", bytes(5)?), ("disk_written_bytes", bytes(9)?)]))
    })
}

/// Interfaces of `/proc/net/dev`.
fn interfaces(text: &str) -> impl Iterator<Item = (&str, Counters<5>)> {
    text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        let numbers: Vec<u64> = rest.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let number = |at: usize| numbers.get(at).copied();
        let counters = [
            ("network_received_bytes", number(0)?),
            ("network_received_packets", number(1)?),
            ("network_sent_bytes", number(8)?),
            ("network_sent_packets", number(9)?),
            ("network_dropped_packets", number(3)?.saturating_add(number(11)?)),
        ];
        Some((name.trim(), counters))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_and_survive_a_replaced_device() {
        let state = |cpu, received: u64, other: u64| HostState {
            cpu,
            gauges: [("host.load1".to_owned(), 0.5)].into(),
            counters: [("a".to_owned(), received), ("b".to_owned(), other)].into(),
        };
        let values = host_values(&state((10, 100), 1000, 50), &state((60, 200), 1500, 20), 2.0);
        let expected = [("host.load1", 0.5), ("host.cpu_ratio", 0.5), ("a", 250.0)];
        assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value)).into());
        assert_eq!(host_values(&state((1, 1), 1, 1), &state((1, 1), 1, 1), 0.0).len(), 1);
    }

    #[test]
    fn files_of_proc_are_parsed_and_broken_ones_ignored() {
        assert_eq!(cpu("cpu  10 1 5 80 4 0 0 0 3 0\ncpu0 1 1 1 1\n"), Some((16, 100)));
        assert_eq!((cpu("cpu0 1"), cpu(""), cpu("cpu  1 2")), (None, None, None));
        assert_eq!(memory("MemTotal:       12 kB\nMemFree: x kB\n", "MemTotal"), Some(12 * 1024));
        assert_eq!((memory("MemFree: x kB\n", "MemFree"), memory("", "MemFree")), (None, None));
        let disk = "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n broken\n";
        assert_eq!(
            disks(disk).collect::<Vec<_>>(),
            [("sda", [("disk_read_bytes", 3 * 512), ("disk_written_bytes", 7 * 512)])]
        );
        let dev = "Inter-| Receive\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n lo: 1\n";
        let found: Vec<_> = interfaces(dev).collect();
        assert_eq!(
            (found.len(), found[0].0, found[0].1[2], found[0].1[4].1),
            (1, "eth0", ("network_sent_bytes", 9), 16)
        );
    }

    #[test]
    fn this_host_has_values() {
        let dir = tempfile::tempdir().unwrap();
        let state = read(dir.path());
        assert!(state.cpu.1 > 0 && state.gauges["host.memory_total_bytes"] > 0.0);
        assert!(state.gauges.contains_key("host.disk_available_bytes"), "{:?}", state.gauges);
        assert!(state.counters.keys().any(|name| name.contains("{interface=lo}")), "{:?}", state.counters);
    }
}
