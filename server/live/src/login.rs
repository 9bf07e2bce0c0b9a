//! Address and credentials of the Redis server.

use redis::{Client, ConnectionAddr, IntoConnectionInfo as _, TlsCertificates};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Address of the Redis server: `rediss://host[:port][/number]`, `redis://` for a server on this machine, or
/// `redis+unix:///path?db=number`. Contains no credentials, because each service has its own user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

/// Why a Redis URL was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// The text is not a Redis URL.
    #[error("it must look like rediss://host: {0}")]
    Malformed(String),
    /// The URL contains a user or a password.
    #[error("it must not contain a user or a password; each service has its own user and password file")]
    Credentials,
    /// Live state would cross a network unencrypted, or the server's certificate would not be verified.
    #[error("Redis on another machine requires rediss:// with certificate verification")]
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
        if safe { Ok(Self(text.to_owned())) } else { Err(RedisUrlError::Clear) }
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Address of the Redis server, and the user of this process.
#[derive(Debug, Clone)]
pub struct RedisLogin {
    pub(crate) client: Client,
    user: String,
}

/// Why the login settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RedisLoginError {
    /// The file with trusted certificates cannot be read.
    #[error("cannot read the certificate {path}: {source}")]
    Certificate {
        /// Path of the file.
        path: std::path::PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The Redis library rejected the settings.
    #[error("cannot use Redis with these settings: {0}")]
    Settings(#[from] redis::RedisError),
}

impl RedisLogin {
    /// With a password, signs in as `user`; without one, as the server's default user. `ca` is a PEM file with the
    /// certificates to trust for `rediss://` instead of those of the machine.
    ///
    /// # Errors
    /// When `ca` cannot be read, or when the library rejects the settings.
    pub fn new(
        url: &RedisUrl,
        user: &str,
        password: Option<&Zeroizing<String>>,
        ca: Option<&Path>,
    ) -> Result<Self, RedisLoginError> {
        let info = url.0.as_str().into_connection_info()?;
        // Redis before 7.2 does not know the command that sets the library's name, and an ACL cannot allow it.
        let mut settings = info.redis_settings().clone().set_skip_set_lib_name();
        if let Some(password) = password {
            settings = settings.set_username(user).set_password(password.as_str());
        }
        let info = info.set_redis_settings(settings);
        let user = user.to_owned();
        let Some(path) = ca else { return Ok(Self { client: Client::open(info)?, user }) };
        let root =
            std::fs::read(path).map_err(|source| RedisLoginError::Certificate { path: path.to_owned(), source })?;
        let trust = TlsCertificates { client_tls: None, root_cert: Some(root) };
        Ok(Self { client: Client::build_with_tls(info, trust)?, user })
    }

    /// The user, also if no password is set.
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
