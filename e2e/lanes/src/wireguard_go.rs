//! The reference implementation as a peer: Debian's wireguard-go, configured with `wg` and `ip`.

use anyhow::{Context as _, Result};
use serde_json::Value;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tornado_e2e_harness::{Host, Process, wait_for};
use tornado_shared::model::{PresharedKey, PrivateKey, PublicKey};

/// Configuration of a WireGuard peer.
#[derive(Debug)]
pub struct PeerConfig {
    /// The device's key.
    pub private_key: PrivateKey,
    /// The device's addresses inside the tunnel.
    pub addresses: (Ipv4Addr, Ipv6Addr),
    /// The server's key.
    pub server_key: PublicKey,
    /// The server's endpoint.
    pub endpoint: SocketAddr,
    /// The preshared key, if the lane has one.
    pub preshared_key: Option<PresharedKey>,
    /// The networks that are routed into the tunnel.
    pub destinations: Vec<IpAddr>,
}

impl PeerConfig {
    /// The direct lane of a bundle that the original's interface returned.
    ///
    /// # Errors
    ///
    /// Fails if a value is missing or invalid.
    pub fn of_bundle(bundle: &Value, private_key: PrivateKey, destinations: Vec<IpAddr>) -> Result<Self> {
        let text =
            |name: &str| bundle["vpn"][name].as_str().with_context(|| format!("vpn.{name} is missing: {bundle}"));
        Ok(Self {
            private_key,
            addresses: (text("ip")?.parse()?, text("ip6")?.parse()?),
            server_key: text("server_pubkey")?.to_owned().parse()?,
            endpoint: text("endpoint")?.parse()?,
            preshared_key: None,
            destinations,
        })
    }
}

/// A running wireguard-go. Stopped on drop.
#[derive(Debug)]
pub struct WireGuardGo {
    _process: Process,
    interface: String,
}

impl WireGuardGo {
    /// Starts it in `host` as interface `interface` and brings the interface up.
    ///
    /// # Errors
    ///
    /// Fails if a program is missing or fails.
    pub fn up(host: &Host, interface: &str, config: &PeerConfig) -> Result<Self> {
        let mut command = host.command("wireguard-go");
        command.args(["--foreground", interface]).env("WG_PROCESS_FOREGROUND", "1").env("LOG_LEVEL", "error");
        let process = host.spawn("wireguard-go", command)?;
        wait_for("wireguard-go's interface", Duration::from_secs(5), || {
            Ok(host.try_exec(&["wg", "show", interface], Duration::from_secs(5))?.ok().then_some(()))
        })?;
        let mut file = tempfile::NamedTempFile::new().context("cannot create a temporary file")?;
        writeln!(file, "[Interface]\nPrivateKey = {}", config.private_key.expose_base64())?;
        writeln!(file, "[Peer]\nPublicKey = {}\nEndpoint = {}", config.server_key, config.endpoint)?;
        writeln!(file, "AllowedIPs = 0.0.0.0/0, ::/0\nPersistentKeepalive = 25")?;
        if let Some(key) = &config.preshared_key {
            writeln!(file, "PresharedKey = {}", key.expose_base64())?;
        }
        let path = file.path().to_string_lossy().into_owned();
        host.exec(&["wg", "setconf", interface, &path])?;
        let (v4, v6) = config.addresses;
        host.exec(&["ip", "address", "add", &format!("{v4}/32"), "dev", interface])?;
        host.exec(&["ip", "-6", "address", "add", &format!("{v6}/128"), "dev", interface, "nodad"])?;
        host.exec(&["ip", "link", "set", interface, "mtu", "1420", "up"])?;
        for destination in &config.destinations {
            let family = if destination.is_ipv4() { "-4" } else { "-6" };
            host.exec(&["ip", family, "route", "replace", &destination.to_string(), "dev", interface])?;
        }
        Ok(Self { _process: process, interface: interface.to_owned() })
    }

    /// Returns the interface's name.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }
}
