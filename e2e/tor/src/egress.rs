//! What leaves the server by its uplink.

use anyhow::{Result, ensure};
use std::time::Duration;
use tornado_e2e_harness::{Capture, Host};

/// WireGuard and the device API, and the kernel's word to a device that nobody listens there just now. All of the
/// outside addresses of devices.
pub const DEVICES: &str = "(host 203.0.113.10 and net 198.51.100.0/24 and (udp port 51820 or udp port 51821 \
    or tcp port 4605 or (src host 203.0.113.10 and icmp[icmptype] == icmp-unreach)))";
/// Tor's own connections to relays and directories.
const RELAYS: &str = "(tcp and host 203.0.113.10 and net 198.18.0.0/24 and (port 9001 or port 9030))";
/// The provider, whom no program of the server has a word for: what the watch itself sends there must be seen.
const PROVIDER: &str = "203.0.113.1";

/// For an answer to it, which is an error.
const PATIENCE: Duration = Duration::from_millis(200);

/// A watch over the uplink.
#[derive(Debug)]
pub struct Egress {
    server: Host,
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
        Ok(Self { server: server.clone(), strangers, relays: server.capture("eth0", RELAYS)? })
    }

    /// Ends, after a stranger of our own has been seen.
    ///
    /// # Errors
    /// When the kernel dropped packets of the strangers', or ours was not seen: the count would prove nothing.
    pub fn stop(self) -> Result<Seen> {
        let is_chatter = |line: &&String| line.starts_with("IP6 fe80::") || line.starts_with("IP6 :: >");
        // Nobody listens: the answer is an error, or none.
        let planted = self.server.udp_ask((PROVIDER.parse::<std::net::IpAddr>()?, 9).into(), b"planted", PATIENCE);
        ensure!(matches!(planted, Ok(None)), "{planted:?}");
        let relays = self.relays.so_far()?.count();
        let strangers = self.strangers.stop()?;
        let is_planted = |line: &&String| {
            line.contains(&format!(" > {PROVIDER}.9: ")) || line.contains(&format!("IP {PROVIDER} > "))
        };
        ensure!(strangers.lines().iter().any(|line| is_planted(&line)), "a planted leak was not seen");
        let others = strangers.lines().iter().filter(|line| !is_chatter(line) && !is_planted(line));
        Ok(Seen { strangers: others.cloned().collect(), relays })
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
