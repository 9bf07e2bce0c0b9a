//! Upstream resolvers, parsed from the configuration or from the machine's resolv.conf(5). Pure.

use hickory_resolver::config::{ConnectionConfig, NameServerConfig};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use tornado_shared::model::LanePools;

/// Port of DNS.
const PORT: u16 = 53;
/// Port of DNS over TLS.
const TLS_PORT: u16 = 853;

/// An upstream resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) at: SocketAddr,
    /// Name in the server's certificate, for DNS over TLS.
    pub(crate) tls: Option<String>,
}

impl FromStr for Upstream {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("upstreams: '{text}' is not ADDRESS, ADDRESS:PORT or tls://ADDRESS[:PORT]#NAME");
        let Some(rest) = text.strip_prefix("tls://") else {
            return Ok(Self { at: address(text, PORT).ok_or_else(bad)?, tls: None });
        };
        let (at, name) = rest.split_once('#').ok_or_else(bad)?;
        let usable = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
        if name.is_empty() || !name.chars().all(usable) {
            return Err(bad());
        }
        Ok(Self { at: address(at, TLS_PORT).ok_or_else(bad)?, tls: Some(name.to_owned()) })
    }
}

fn address(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let alone = bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port));
    alone.or_else(|| text.parse().ok()).filter(|at: &SocketAddr| at.port() != 0 && !at.ip().is_unspecified())
}

impl Upstream {
    /// Converts to the library's configuration.
    pub(crate) fn server(&self) -> NameServerConfig {
        let mut connections = match &self.tls {
            Some(name) => vec![ConnectionConfig::tls(Arc::from(name.as_str()))],
            None => vec![ConnectionConfig::udp(), ConnectionConfig::tcp()],
        };
        for connection in &mut connections {
            connection.port = self.at.port();
        }
        NameServerConfig::new(self.at.ip(), true, connections)
    }
}

/// The servers in a resolv.conf(5), without the addresses of the lanes: forwarding to this service itself would loop.
pub(crate) fn of_resolv_conf(text: impl AsRef<[u8]>, pools: &LanePools) -> Vec<Upstream> {
    // A comment in another character encoding must not hide the servers.
    let text = String::from_utf8_lossy(text.as_ref());
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let value = (words.next()? == "nameserver").then(|| words.next()).flatten()?;
        address(value, PORT)
    });
    servers.filter(|at| !pools.contains(at.ip())).map(|at| Upstream { at, tls: None }).collect()
}

/// True for the local stub of systemd-resolved, which by default does not pass on signatures.
pub(crate) fn is_stub(upstreams: &[Upstream]) -> bool {
    let stub: [IpAddr; 2] = [[127, 0, 0, 53].into(), [127, 0, 0, 54].into()];
    !upstreams.is_empty() && upstreams.iter().all(|upstream| stub.contains(&upstream.at.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let at = |text: &str| text.parse::<Upstream>().map(|u| (u.at.to_string(), u.tls));
        assert_eq!(at("192.0.2.1"), Ok(("192.0.2.1:53".into(), None)));
        assert_eq!(at("192.0.2.1:5353"), Ok(("192.0.2.1:5353".into(), None)));
        assert_eq!(at("2001:db8::1"), Ok(("[2001:db8::1]:53".into(), None)));
        assert_eq!(at("[2001:db8::1]:54"), Ok(("[2001:db8::1]:54".into(), None)));
        assert_eq!(at("tls://192.0.2.1#a.example"), Ok(("192.0.2.1:853".into(), Some("a.example".into()))));
        assert_eq!(at("tls://[2001:db8::1]:8#a.example"), Ok(("[2001:db8::1]:8".into(), Some("a.example".into()))));
        for bad in
            ["", "name", "192.0.2.1:0", "tls://192.0.2.1", "tls://192.0.2.1#", "tls://x#y", "0.0.0.0", "1.2.3.4#x"]
        {
            assert!(bad.parse::<Upstream>().is_err(), "{bad}");
        }
    }

    #[test]
    fn resolv_conf_without_ourselves() {
        let text = "# comment\nnameserver 192.0.2.1\nsearch x\n nameserver   2001:db8::1 \nnameserver 10.8.0.1\nnameserver\nnameservers 1.1.1.1\n";
        let found = of_resolv_conf(text, &LanePools::default());
        let found: Vec<String> = found.iter().map(|u| u.at.to_string()).collect();
        assert_eq!(found, ["192.0.2.1:53", "[2001:db8::1]:53"]);
        let odd = "; comment\r\noptions edns0 trust-ad rotate\r\nsearch a.example b.example\r\nnameserver 192.0.2.1 # x\r\n\
                   nameserver fe80::1%eth0\r\nnameserver\t2001:db8::1\r\nsortlist 192.0.2.0\r\n#nameserver 192.0.2.9\r\nnameserver x";
        let found = of_resolv_conf(odd, &LanePools::default());
        let found: Vec<String> = found.iter().map(|u| u.at.to_string()).collect();
        assert_eq!(found, ["192.0.2.1:53", "[2001:db8::1]:53"]);
        assert_eq!(of_resolv_conf(b"# caf\xe9\nnameserver 192.0.2.1\n", &LanePools::default()).len(), 1);
        assert!(of_resolv_conf("", &LanePools::default()).is_empty());
        assert!(is_stub(&of_resolv_conf("nameserver 127.0.0.53", &LanePools::default())));
        assert!(!is_stub(&[]));
    }
}
