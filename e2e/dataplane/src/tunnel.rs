//! A tunnel on the transports of server and helper.

use anyhow::Context as _;
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::SocketAddr;
use std::str::FromStr;
use tornado_packet_io::{Link, Offload, Peer, Settings, TunNode};

/// Arguments of `tunnel`. Keys are in base64; secret ones come from the environment.
#[derive(clap::Args)]
pub struct Words {
    /// Name of the TUN device; it is not set up
    #[arg(long)]
    name: String,
    /// MTU of the device
    #[arg(long, default_value_t = 1420)]
    mtu: u16,
    /// UDP port
    #[arg(long)]
    port: u16,
    /// Public key of the peer
    #[arg(long)]
    peer: String,
    /// Endpoint of the peer
    #[arg(long)]
    endpoint: SocketAddr,
    /// Send and receive every packet separately
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
            let link = Link::open(&self.name, self.mtu, offload, &TunNode::Own).await?;
            let peer = Peer {
                public_key: key(&self.peer)?,
                preshared_key: Some(key(&self.psk)?),
                addresses: vec![Ipv4Net::default().into(), Ipv6Net::default().into()],
                endpoint: Some(self.endpoint),
                keepalive: None,
            };
            let settings = Settings { key: key(&self.key)?, port: self.port, mark: None, peers: vec![peer] };
            let _tunnel = link.start(settings).await?;
            std::future::pending::<()>().await;
            Ok(())
        })
    }
}

fn key<K: FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> anyhow::Result<K> {
    text.trim().parse().context("a key must be 32 bytes in base64")
}
