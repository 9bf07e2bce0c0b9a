//! The implementations that are compared.

use super::pair::{End, Pair, Running};
use super::tools::{Keys, Tools};
use anyhow::Context as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tornado_e2e_harness::wait_for;

/// An implementation of the path between both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    /// Only the veth pair.
    Raw,
    /// Cipher, TUN device and socket without a protocol.
    Floor,
    /// Our implementation.
    Tornado,
    /// Our implementation at another commit, to see what changed since.
    Former,
    /// Our implementation with `offload = "off"`.
    TornadoPlain,
    /// The newest wireguard-go.
    WireguardGo,
    /// Cloudflare's boringtun.
    Boringtun,
}

/// UDP port of both ends.
const PORT: u16 = 51_820;

impl Contestant {
    pub const ALL: [Self; 7] =
        [Self::Raw, Self::Floor, Self::Tornado, Self::Former, Self::TornadoPlain, Self::WireguardGo, Self::Boringtun];

    /// Those that can run with these programs. A missing boringtun is reported as a failure.
    pub fn available(tools: &Tools) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|one| *one != Self::Former || tools.former.is_some())
    }

    /// Key in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw_path",
            Self::Floor => "aead_and_offload_floor",
            Self::Tornado => "tornado",
            Self::Former => "former",
            Self::TornadoPlain => "tornado_without_offload",
            Self::WireguardGo => "wireguard_go",
            Self::Boringtun => "boringtun",
        }
    }

    /// Starts it on both ends. Returns the processes, nearest first; none for an implementation in the kernel.
    pub fn up(self, pair: &Pair, tools: &Tools) -> anyhow::Result<Vec<Running>> {
        let keys = Keys::make()?;
        let mut running = Vec::new();
        for end in End::BOTH {
            let other = if end == End::Near { End::Far } else { End::Near };
            let Some(command) = self.command(pair, end, other, tools, &keys)? else { continue };
            running.push(pair.spawn(command)?);
            let exists = || Ok(pair.ip(end, &format!("link show {}", end.interface())).ok());
            wait_for("the interface", Duration::from_secs(5), exists)?;
            if matches!(self, Self::WireguardGo | Self::Boringtun) {
                keys.configure(pair, end, other, PORT)?;
            }
            pair.ip(end, &format!("address add {}/24 dev {}", end.inside(), end.interface()))?;
            pair.ip(end, &format!("link set {} mtu 1420 up", end.interface()))?;
        }
        Ok(running)
    }

    /// Address of the far end over this path.
    pub fn far(self) -> String {
        if self == Self::Raw { End::Far.outside() } else { End::Far.inside() }
    }

    fn command(self, pair: &Pair, end: End, other: End, tools: &Tools, keys: &Keys) -> anyhow::Result<Option<Command>> {
        let endpoint = format!("{}:{PORT}", other.outside());
        let former = tools.former.as_deref().filter(|_| self == Self::Former);
        let of_ours = |task: &str| {
            let mut command = pair.command(end, former.unwrap_or(&tools.ours));
            command.args([task, "--name", end.interface(), "--port", &PORT.to_string(), "--endpoint", &endpoint]);
            command
        };
        let outside = |program: &Path| {
            let mut command = pair.command(end, program);
            command.env("WG_PROCESS_FOREGROUND", "1").env("LOG_LEVEL", "error").arg("--foreground");
            command
        };
        Ok(Some(match self {
            Self::Raw => return Ok(None),
            Self::Floor => of_ours("floor"),
            Self::Tornado | Self::Former | Self::TornadoPlain => {
                let mut command = of_ours("tunnel");
                command.args(["--peer", keys.public(other)]);
                command.env("TUNNEL_KEY", keys.private(end)).env("TUNNEL_PSK", keys.preshared());
                if self == Self::TornadoPlain {
                    command.arg("--no-offload");
                }
                command
            }
            Self::WireguardGo => {
                let mut command = outside(&tools.wireguard_go);
                command.arg(end.interface());
                command
            }
            Self::Boringtun => {
                let program = tools.boringtun.as_deref().context("boringtun-cli is not available")?;
                let mut command = outside(program);
                command.args(["--disable-drop-privileges", end.interface()]);
                command
            }
        }))
    }
}
