//! What leaves the server by its uplink.

use anyhow::Result;
use tornado_e2e_harness::{Capture, Host};

/// WireGuard and the device API, and the kernel's word to a device that nobody listens there just now. All of the
/// outside addresses of devices.
pub const DEVICES: &str = "(host 203.0.113.10 and net 198.51.100.0/24 and (udp port 51820 or udp port 51821 \
    or tcp port 4605 or (src host 203.0.113.10 and icmp[icmptype] == icmp-unreach)))";
/// Tor's own connections to relays and directories.
const RELAYS: &str = "(tcp and host 203.0.113.10 and net 198.18.0.0/24 and (port 9001 or port 9030))";

/// A watch over the uplink.
#[derive(Debug)]
pub struct Egress {
    strangers: Capture,
    relays: Capture,
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// Packets that are neither of Tor nor of a device's outside.
    pub strangers: Vec<String>,
    /// Number of Tor's packets.
    pub relays: usize,
}

impl Egress {
    /// Begins.
    ///
    /// # Errors
    /// When tcpdump does not start.
    pub fn watch(server: &Host) -> Result<Self> {
        let strangers = server.capture("eth0", &format!("(ip or ip6) and not {DEVICES} and not {RELAYS}"))?;
        Ok(Self { strangers, relays: server.capture("eth0", RELAYS)? })
    }

    /// Ends.
    ///
    /// # Errors
    /// When the kernel dropped packets of the strangers': the count would prove nothing.
    pub fn stop(self) -> Result<Seen> {
        let is_chatter = |line: &&String| line.starts_with("IP6 fe80::") || line.starts_with("IP6 :: >");
        let relays = self.relays.so_far()?.count();
        let strangers = self.strangers.stop()?;
        Ok(Seen { strangers: strangers.lines().iter().filter(|line| !is_chatter(line)).cloned().collect(), relays })
    }
}

impl Seen {
    /// Says how much was seen, and that nothing else was.
    ///
    /// # Panics
    /// When there was a stranger, or nothing of Tor at all.
    #[expect(clippy::print_stdout, reason = "what was counted is shown by the runner")]
    pub fn must_be_tor_only(&self, what: &str) {
        println!("{what}: {} packets of Tor on the egress, {} others", self.relays, self.strangers.len());
        assert!(self.strangers.is_empty(), "{what}: left the server: {:#?}", self.strangers);
        assert!(self.relays > 0, "{what}: the capture saw nothing at all");
    }
}
