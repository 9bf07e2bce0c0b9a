//! Address of a PostgreSQL database.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use url::{Host, Url};

/// Address of a PostgreSQL database: `postgres://host[:port]/database`, or `postgres:///database?host=/directory` with
/// the directory of its Unix socket. Contains no credentials, because each service has its own role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostgresUrl(pub(crate) Url);

/// Why a database URL was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// The text is not a database URL.
    #[error("it must look like postgres://host/database: {0}")]
    Malformed(String),
    /// The URL contains a user or a password.
    #[error("it must not contain a user or a password; each service has its own role and password file")]
    Credentials,
    /// Passwords and keys would cross a network unencrypted, or the server's certificate would not be verified.
    #[error("a database on another machine requires sslmode=verify-full")]
    Clear,
    /// A parameter is not supported.
    #[error("unknown parameter '{0}'; use host, port, sslmode, sslrootcert, sslcert or sslkey")]
    Parameter(String),
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|error| PostgresUrlError::Malformed(error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(PostgresUrlError::Malformed(format!("its scheme is {}", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PostgresUrlError::Credentials);
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(PostgresUrlError::Malformed("it has no database".into()));
        }
        let pairs: HashMap<_, _> = url.query_pairs().collect();
        for name in pairs.keys() {
            match name.as_ref() {
                "host" | "port" | "sslmode" | "sslrootcert" | "sslcert" | "sslkey" => {}
                "user" | "password" => return Err(PostgresUrlError::Credentials),
                other => return Err(PostgresUrlError::Parameter(other.to_owned())),
            }
        }
        let local = match (pairs.get("host"), url.host()) {
            (Some(host), _) => host.starts_with('/'),
            (None, Some(Host::Ipv4(address))) => address.is_loopback(),
            (None, Some(Host::Ipv6(address))) => address.is_loopback(),
            // In URLs with this scheme, the parser returns IP addresses as domain names.
            (None, Some(Host::Domain(name))) => {
                name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
            (None, None) => return Err(PostgresUrlError::Malformed("it has no host".into())),
        };
        if !local && pairs.get("sslmode").is_none_or(|mode| mode != "verify-full") {
            return Err(PostgresUrlError::Clear);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_without_names_and_with_tls_are_taken() {
        for good in [
            "postgres:///tornado?host=/var/run/postgresql",
            "postgres://127.0.0.1:5433/tornado",
            "postgres://[::1]/tornado",
            "postgresql://localhost/tornado?sslmode=disable",
            "postgres://db.example.org/tornado?sslmode=verify-full&sslrootcert=/etc/tornado/ca.pem",
        ] {
            assert!(good.parse::<PostgresUrl>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("mysql://db/x", PostgresUrlError::Malformed("its scheme is mysql".into())),
            ("postgres://db.example.org", PostgresUrlError::Malformed("it has no database".into())),
            ("postgres:///tornado", PostgresUrlError::Malformed("it has no host".into())),
            ("postgres://me@localhost/x", PostgresUrlError::Credentials),
            ("postgres://localhost/x?password=y", PostgresUrlError::Credentials),
            ("postgres://db.example.org/x", PostgresUrlError::Clear),
            ("postgres://db.example.org/x?sslmode=require", PostgresUrlError::Clear),
            ("postgres:///x?host=db.example.org", PostgresUrlError::Clear),
            ("postgres://localhost/x?optoins=1", PostgresUrlError::Parameter("optoins".into())),
        ] {
            assert_eq!(bad.parse::<PostgresUrl>().unwrap_err(), why, "{bad}");
        }
    }
}
