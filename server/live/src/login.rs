//! Where Redis is and as whom it is used.

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, TlsCertificates};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Where Redis is: `rediss://host[:port][/number]`, `redis://` on this machine, or `redis+unix:///path?db=number`.
/// Says neither who nor with which password: each service has a user of its own.
#[derive(Clone)]
pub struct RedisUrl {
    text: String,
    info: ConnectionInfo,
}

/// Why a URL of Redis was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// Not such a URL.
    #[error("it must look like rediss://host: {0}")]
    Malformed(String),
    /// Somebody's name or password is in it.
    #[error("it must not name a user or a password: each service has a user of its own and reads a password file")]
    Credentials,
    /// Live state would cross a network in the clear, or to anybody.
    #[error("a Redis on another machine needs rediss:// and a certificate that is checked")]
    Clear,
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let info = text.into_connection_info().map_err(|error| RedisUrlError::Malformed(error.to_string()))?;
        let settings = info.redis_settings();
        if settings.username().is_some() || settings.password().is_some() {
            return Err(RedisUrlError::Credentials);
        }
        let safe = matches!(info.addr(), ConnectionAddr::Unix(_) | ConnectionAddr::TcpTls { insecure: false, .. })
            || matches!(info.addr(), ConnectionAddr::Tcp(host, _) if is_here(host));
        if safe { Ok(Self { text: text.to_owned(), info }) } else { Err(RedisUrlError::Clear) }
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RedisUrl {}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisUrl").field(&self.text).finish()
    }
}

/// Where Redis is and as whom this process uses it.
#[derive(Debug, Clone)]
pub struct RedisLogin {
    pub(crate) client: Client,
    user: String,
}

/// Why a login cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RedisLoginError {
    /// The certificate that shall be trusted.
    #[error("cannot read the certificate {path}: {source}")]
    Certificate {
        /// Its file.
        path: std::path::PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The library refused the settings.
    #[error("Redis cannot be used with these settings: {0}")]
    Settings(#[from] redis::RedisError),
}

impl RedisLogin {
    /// As `user` with a password; without one as whom the server takes everybody for. `ca`: PEM file of the
    /// certificates to trust with `rediss://`, instead of those of the machine.
    pub fn new(
        url: RedisUrl,
        user: &str,
        password: Option<&Zeroizing<String>>,
        ca: Option<&Path>,
    ) -> Result<Self, RedisLoginError> {
        // Redis before 7.2 cannot be told the library's name, nor be allowed to be told.
        let mut settings = url.info.redis_settings().clone().set_skip_set_lib_name();
        if let Some(password) = password {
            settings = settings.set_username(user).set_password(password.as_str());
        }
        let info = url.info.set_redis_settings(settings);
        let user = user.to_owned();
        let Some(path) = ca else { return Ok(Self { client: Client::open(info)?, user }) };
        let root =
            std::fs::read(path).map_err(|source| RedisLoginError::Certificate { path: path.to_owned(), source })?;
        let trust = TlsCertificates { client_tls: None, root_cert: Some(root) };
        Ok(Self { client: Client::build_with_tls(info, trust)?, user })
    }

    /// As whom.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_without_names_and_with_tls_are_taken() {
        for good in
            ["redis+unix:///run/redis.sock", "redis://127.0.0.1:6380/2", "redis://[::1]", "rediss://db.example.org"]
        {
            assert!(good.parse::<RedisUrl>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("redis://db.example.org", RedisUrlError::Clear),
            ("rediss://db.example.org/#insecure", RedisUrlError::Clear),
            ("redis://:secret@localhost", RedisUrlError::Credentials),
            ("redis+unix:///run/redis.sock?user=me", RedisUrlError::Credentials),
        ] {
            assert_eq!(bad.parse::<RedisUrl>().unwrap_err(), why, "{bad}");
        }
        assert!(matches!("http://x".parse::<RedisUrl>(), Err(RedisUrlError::Malformed(_))));
    }
}
