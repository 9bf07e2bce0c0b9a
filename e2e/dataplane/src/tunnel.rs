//! One tunnel on the transports of the server and the helper.

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gotatun::device::Peer;
use gotatun::x25519::{PublicKey, StaticSecret};
use std::net::SocketAddr;
use tornado_packet_io::{Link, Offload, Settings};

/// Words of `tunnel`. Keys in base64, from the environment where they are secret.
#[derive(clap::Args)]
pub struct Words {
    /// Name of the TUN device; it is left down
    #[arg(long)]
    name: String,
    /// MTU of the device
    #[arg(long, default_value_t = 1420)]
    mtu: u16,
    /// UDP port
    #[arg(long)]
    port: u16,
    /// The peer's public key
    #[arg(long)]
    peer: String,
    /// Where the peer is
    #[arg(long)]
    endpoint: SocketAddr,
    /// Each packet alone
    #[arg(long)]
    no_offload: bool,
    #[arg(long, env = "TUNNEL_KEY", hide = true)]
    key: String,
    #[arg(long, env = "TUNNEL_PSK", hide = true)]
    psk: String,
}

impl Words {
    /// Runs until killed.
    pub fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let offload = if self.no_offload { Offload::Off } else { Offload::Auto };
            let link = Link::open(&self.name, self.mtu, offload).await?;
            let mut peer = Peer::new(PublicKey::from(key(&self.peer)?)).with_endpoint(self.endpoint);
            for everything in ["0.0.0.0/0", "::/0"] {
                peer = peer.with_allowed_ip(everything.parse().map_err(|e| anyhow!("{e}"))?);
            }
            let peer = peer.with_preshared_key(key(&self.psk)?);
            let settings =
                Settings { key: StaticSecret::from(key(&self.key)?), port: self.port, mark: None, peers: vec![peer] };
            let _tunnel = link.start(settings).await?;
            std::future::pending::<()>().await;
            Ok(())
        })
    }
}

fn key(text: &str) -> anyhow::Result<[u8; 32]> {
    let bytes = BASE64_STANDARD.decode(text.trim()).context("a key is base64")?;
    bytes.try_into().map_err(|_| anyhow!("a key has 32 bytes"))
}
