//! Counters of network interfaces.

use std::path::Path;

/// Counters of one interface, since it was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InterfaceCounters {
    /// Received bytes.
    pub received_bytes: u64,
    /// Received packets.
    pub received_packets: u64,
    /// Sent bytes.
    pub sent_bytes: u64,
    /// Sent packets.
    pub sent_packets: u64,
    /// Dropped packets, in both directions.
    pub dropped_packets: u64,
}

/// All interfaces of this network namespace from `/proc/self/net/dev` (proc_pid_net(5)). Empty if it cannot be read.
#[must_use]
pub fn interface_counters() -> Vec<(String, InterfaceCounters)> {
    let text = std::fs::read_to_string(Path::new("/proc/self/net/dev")).unwrap_or_default();
    parse(&text).collect()
}

fn parse(text: &str) -> impl Iterator<Item = (String, InterfaceCounters)> {
    text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        let numbers: Vec<u64> = rest.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let number = |at: usize| numbers.get(at).copied();
        let counters = InterfaceCounters {
            received_bytes: number(0)?,
            received_packets: number(1)?,
            sent_bytes: number(8)?,
            sent_packets: number(9)?,
            dropped_packets: number(3)?.saturating_add(number(11)?),
        };
        Some((name.trim().to_owned(), counters))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_parsed_and_broken_lines_ignored() {
        let text = "Inter-| Receive\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n lo: 1\n";
        let expected = InterfaceCounters {
            received_bytes: 1,
            received_packets: 2,
            sent_bytes: 9,
            sent_packets: 10,
            dropped_packets: 16,
        };
        assert_eq!(parse(text).collect::<Vec<_>>(), [("eth0".to_owned(), expected)]);
        assert!(interface_counters().iter().any(|(name, _)| name == "lo"));
    }
}
