//! Checks which packets leave the server on its uplink.

use anyhow::{Result, ensure};
use std::time::Duration;
use tornado_e2e_harness::{Capture, Host};

/// WireGuard and the device API, and ICMP errors that the kernel sends to a device while no process listens. All for
/// the outside addresses of devices.
pub const DEVICES: &str = "(host 203.0.113.10 and net 198.51.100.0/24 and (udp port 51820 or udp port 51821 \
    or tcp port 4605 or (src host 203.0.113.10 and icmp[icmptype] == icmp-unreach)))";
/// Tor's own connections to relays and directories.
const RELAYS: &str = "(tcp and host 203.0.113.10 and net 198.18.0.0/24 and (port 9001 or port 9030))";
/// The provider, to which no program of the server sends anything: the capture must see the packet that the test sends
/// there.
const PROVIDER: &str = "203.0.113.1";

/// Time limit for a response to it, which is an error.
const PATIENCE: Duration = Duration::from_millis(200);

/// A running capture on the uplink.
#[derive(Debug)]
pub struct Egress {
    server: Host,
    strangers: Capture,
    relays: Capture,
}

/// The captured packets.
#[derive(Debug)]
pub struct Seen {
    /// Packets that belong neither to Tor nor to a device's outside address.
    pub strangers: Vec<String>,
    /// Number of Tor's packets.
    pub relays: usize,
}

impl Egress {
    /// Starts the capture.
    ///
    /// # Errors
    ///
    /// Fails if tcpdump does not start.
    pub fn watch(server: &Host) -> Result<Self> {
        let strangers = server.capture("eth0", &format!("(ip or ip6) and not {DEVICES} and not {RELAYS}"))?;
        Ok(Self { server: server.clone(), strangers, relays: server.capture("eth0", RELAYS)? })
    }

    /// Ends the capture, after the test's own foreign packet was seen.
    ///
    /// # Errors
    ///
    /// Fails if the kernel dropped foreign packets or the test's own was not captured: then the count proves nothing.
    pub fn stop(self) -> Result<Seen> {
        let is_chatter = |line: &&String| line.starts_with("IP6 fe80::") || line.starts_with("IP6 :: >");
        // No process listens: the response is an error, or there is none.
        let planted = self.server.udp_ask((PROVIDER.parse::<std::net::IpAddr>()?, 9).into(), b"planted", PATIENCE);
        ensure!(matches!(planted, Ok(None)), "{planted:?}");
        let relays = self.relays.so_far()?.count();
        let strangers = self.strangers.stop()?;
        let is_planted = |line: &&String| {
            line.contains(&format!(" > {PROVIDER}.9: ")) || line.contains(&format!("IP {PROVIDER} > "))
        };
        ensure!(strangers.lines().iter().any(|line| is_planted(&line)), "the capture missed the test's own packet");
        let others = strangers.lines().iter().filter(|line| !is_chatter(line) && !is_planted(line));
        Ok(Seen { strangers: others.cloned().collect(), relays })
    }
}

impl Seen {
    /// Prints the number of captured packets and checks that all of them belong to Tor.
    ///
    /// # Panics
    /// Panics if there is a foreign packet, or no packet of Tor at all.
    #[expect(clippy::print_stdout, reason = "the runner shows measurements")]
    pub fn must_be_tor_only(&self, what: &str) {
        println!("{what}: {} packets of Tor on the egress, {} others", self.relays, self.strangers.len());
        assert!(self.strangers.is_empty(), "{what}: foreign packets left the server: {:#?}", self.strangers);
        assert!(self.relays > 0, "{what}: the capture has no packets");
    }
}
