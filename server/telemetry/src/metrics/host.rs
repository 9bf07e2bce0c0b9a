//! Metrics of this host from /proc (proc(5)).

use super::exposition::{Families, Family, Kind, Value, is_label};
use nix::sys::statvfs::statvfs;
use std::path::{Path, PathBuf};
use tornado_runtime::interfaces::interface_counters;

/// Bytes of a sector in /proc/diskstats, whatever the disk's own sectors are.
const SECTOR: u64 = 512;
/// Disks, and interfaces, that are sampled.
const MAX_DEVICES: usize = 64;
/// Interfaces of containers: there may be any number of them, and their names do not return.
const OF_CONTAINERS: &str = "veth";

/// Samples this host.
#[derive(Debug)]
pub struct HostSampler {
    /// Directories whose file systems are included, with the label of each.
    directories: Vec<(&'static str, PathBuf)>,
    /// Busy and total ticks of the sample before.
    cpu: Option<(u64, u64)>,
}

impl HostSampler {
    /// Includes the file systems of these directories.
    #[must_use]
    pub const fn new(directories: Vec<(&'static str, PathBuf)>) -> Self {
        Self { directories, cpu: None }
    }

    /// Values now. The first sample has no processor load. What cannot be read is left out.
    pub fn sample(&mut self) -> Families {
        let text = |name: &str| std::fs::read_to_string(Path::new("/proc").join(name)).unwrap_or_default();
        let mut host = Host::default();
        let cpu = cpu(&text("stat"));
        if let (Some(now), Some(before)) = (cpu, self.cpu)
            && let Some(load) = cpu_ratio(before, now)
        {
            host.gauge("cpu_ratio", "Share of processor time that was used in the last second", "", load);
        }
        self.cpu = cpu;
        host.memory(&text("meminfo"));
        host.load(&text("loadavg"));
        for (of, directory) in &self.directories {
            host.file_system(of, directory);
        }
        // Partitions repeat their disk; loop devices and RAM disks repeat files.
        let is_disk = |name: &str| Path::new("/sys/block").join(name).join("device").exists();
        let diskstats = text("diskstats");
        for (disk, counters) in disks(&diskstats).filter(|(name, _)| is_disk(name)).take(MAX_DEVICES) {
            counters.iter().for_each(|(name, value)| host.counter(name, "disk", disk, *value));
        }
        let sampled = interface_counters().into_iter().filter(|(name, _)| !name.starts_with(OF_CONTAINERS));
        for (interface, counters) in sampled.take(MAX_DEVICES) {
            for (name, value) in [
                ("network_received_bytes", counters.received_bytes),
                ("network_received_packets", counters.received_packets),
                ("network_sent_bytes", counters.sent_bytes),
                ("network_sent_packets", counters.sent_packets),
                ("network_dropped_packets", counters.dropped_packets),
            ] {
                host.counter(name, "interface", &interface, value);
            }
        }
        host.0
    }
}

/// The metrics of a sample.
#[derive(Default)]
struct Host(Families);

impl Host {
    fn add(&mut self, family: (&str, Kind, &str, &str), labels: String, value: f64) {
        let (name, kind, help, unit) = family;
        let family = self.0.entry(format!("tornado_host_{name}")).or_insert_with(|| Family::new(kind, help, unit));
        family.samples.insert(labels, Value::Number(value));
    }

    fn gauge(&mut self, name: &str, help: &str, unit: &str, value: f64) {
        self.add((name, Kind::Gauge, help, unit), String::new(), value);
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes need no more precision")]
    fn counter(&mut self, name: &str, label: &str, device: &str, value: u64) {
        if !is_label(device) {
            return;
        }
        let unit = if name.ends_with("bytes") { "bytes" } else { "packets" };
        let help = match name {
            "disk_read_bytes" => "Bytes read from the disk",
            "disk_written_bytes" => "Bytes written to the disk",
            "network_received_bytes" => "Bytes that the interface received",
            "network_received_packets" => "Packets that the interface received",
            "network_sent_bytes" => "Bytes that the interface sent",
            "network_sent_packets" => "Packets that the interface sent",
            _ => "Packets that the interface dropped, in both directions",
        };
        self.add((name, Kind::Counter, help, unit), format!("{label}=\"{device}\""), value as f64);
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes need no more precision")]
    fn memory(&mut self, meminfo: &str) {
        for (name, of, help) in [
            ("memory_total_bytes", "MemTotal", "Memory of the host"),
            ("memory_available_bytes", "MemAvailable", "Memory that programs can get without swapping"),
            ("swap_total_bytes", "SwapTotal", "Swap space of the host"),
            ("swap_free_bytes", "SwapFree", "Free swap space"),
        ] {
            if let Some(bytes) = memory(meminfo, of) {
                self.gauge(name, help, "bytes", bytes as f64);
            }
        }
    }

    fn load(&mut self, loadavg: &str) {
        for (name, word) in ["load1", "load5", "load15"].into_iter().zip(loadavg.split_whitespace()) {
            if let Ok(load) = word.parse() {
                self.gauge(name, "Load average (1, 5 and 15 minutes)", "", load);
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes need no more precision")]
    fn file_system(&mut self, of: &str, directory: &Path) {
        let Ok(found) = statvfs(directory) else { return };
        let block = found.fragment_size() as f64;
        for (name, help, blocks) in [
            ("disk_total_bytes", "Size of the file system that has the directory", found.blocks()),
            ("disk_available_bytes", "Free space on the file system that has the directory", found.blocks_available()),
        ] {
            self.add((name, Kind::Gauge, help, "bytes"), format!("directory=\"{of}\""), blocks as f64 * block);
        }
    }
}

/// Share of busy ticks between two readings.
#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more precision")]
fn cpu_ratio(before: (u64, u64), now: (u64, u64)) -> Option<f64> {
    let (busy, total) = (now.0.checked_sub(before.0)?, now.1.checked_sub(before.1)?);
    (total > 0).then(|| busy as f64 / total as f64)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_load_is_a_share_of_the_last_second() {
        assert_eq!(cpu_ratio((10, 100), (60, 200)), Some(0.5));
        assert_eq!((cpu_ratio((1, 1), (1, 1)), cpu_ratio((5, 9), (1, 10))), (None, None));
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
    }

    #[test]
    fn this_host_has_values() {
        let dir = tempfile::tempdir().unwrap();
        let mut sampler = HostSampler::new(vec![("state", dir.path().to_owned())]);
        let families = sampler.sample();
        let of = |name: &str, labels: &str| match families[&format!("tornado_host_{name}")].samples[labels] {
            Value::Number(value) => value,
            Value::Histogram(_) => f64::NAN,
        };
        assert!(of("memory_total_bytes", "") > of("memory_available_bytes", ""));
        assert!(of("disk_total_bytes", "directory=\"state\"") > 0.0);
        assert!(of("network_received_packets", "interface=\"lo\"") >= 0.0);
        assert!(sampler.cpu.is_some_and(|(busy, total)| total > busy));
    }
}
