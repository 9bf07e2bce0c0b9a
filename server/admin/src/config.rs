//! Configuration of the console: table `[admin]`.

use crate::client::Network;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tornado_runtime::tls::Source;

/// Listening address and accepted host names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// TCP address to listen on.
    pub listen: SocketAddr,
    /// Whether the console uses TLS itself. Without, keep it on loopback, behind a reverse proxy with TLS.
    pub tls: ConsoleTls,
    /// Host names besides loopback under which a reverse proxy exposes the console, without port.
    pub hosts: Vec<String>,
    /// Networks of reverse proxies. A request from one of them has the client's address in `X-Forwarded-For`.
    pub trusted_proxies: Vec<Network>,
    /// SHA-256 of the token that permits to read `/metrics`, 64 hexadecimal digits.
    pub metrics_token_sha256: Option<TokenHash>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000),
            tls: ConsoleTls::default(),
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            metrics_token_sha256: None,
        }
    }
}

/// TLS of the console: `off`, `own`, or two files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ConsoleTls {
    /// No files.
    Word(TlsWord),
    /// PEM files of a certificate chain and its key. Changed files are applied within ten minutes.
    Files(TlsFiles),
}

/// TLS without files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsWord {
    /// Plain HTTP.
    Off,
    /// A self-signed certificate, which each browser has to accept once.
    Own,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Default for ConsoleTls {
    fn default() -> Self {
        Self::Word(TlsWord::Off)
    }
}

impl Config {
    /// Where the certificate comes from. `None`: plain HTTP.
    #[must_use]
    pub fn tls_source(&self, state_dir: &Path) -> Option<Source> {
        let files = match &self.tls {
            ConsoleTls::Word(TlsWord::Off) => return None,
            ConsoleTls::Word(TlsWord::Own) => None,
            ConsoleTls::Files(files) => Some((files.certificate.clone(), files.key.clone())),
        };
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        names.extend(self.hosts.iter().cloned());
        // A new key would make every browser warn again.
        Some(Source { files, state_dir: state_dir.to_owned(), names, rotate_after: None })
    }
}

impl ConsoleTls {
    /// True for a certificate that browsers can verify. They must then never use plain HTTP (RFC 6797); a self-signed
    /// certificate would shut them out, because the header leaves no exception.
    #[must_use]
    pub const fn is_verifiable(&self) -> bool {
        matches!(self, Self::Files(_))
    }
}

/// SHA-256 of a token. The configuration is readable for all users of the machine, so it does not contain the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// True if this is the hash of `token`.
    #[must_use]
    pub fn is_of(&self, token: &str) -> bool {
        // The time of the comparison reveals parts of a hash, from which no token can be computed.
        Sha256::digest(token.as_bytes()).as_slice() == self.0
    }
}

/// The text is not a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 hash has 64 hexadecimal digits")]
pub struct NotHash;

impl TryFrom<String> for TokenHash {
    type Error = NotHash;
    fn try_from(text: String) -> Result<Self, NotHash> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| NotHash)?;
        bytes.try_into().map(Self).map_err(|_| NotHash)
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        data_encoding::HEXLOWER.encode(&hash.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_files_can_be_a_certificate_that_browsers_verify() {
        let of = |text: &str| serde_json::from_str::<Config>(text).unwrap().tls.is_verifiable();
        assert!(of(r#"{"tls":{"certificate":"/c","key":"/k"}}"#));
        assert!(!of("{}") && !of(r#"{"tls":"off"}"#) && !of(r#"{"tls":"own"}"#));
    }
}
