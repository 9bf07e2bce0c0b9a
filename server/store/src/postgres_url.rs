//! Where a PostgreSQL database is.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use url::{Host, Url};

/// Where a PostgreSQL database is, as `postgres://host[:port]/database` or `postgres:///database?host=/directory` of
/// its Unix socket. Says neither who nor with which password: each service has a role of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostgresUrl(pub(crate) Url);

/// Why a URL of a database was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// Not such a URL.
    #[error("it must look like postgres://host/database: {0}")]
    Malformed(String),
    /// Somebody's name or password is in it.
    #[error("it must not name a user or a password: each service has a role of its own and reads a password file")]
    Credentials,
    /// Passwords and keys would cross a network in the clear, or to anybody.
    #[error("a database on another machine needs sslmode=verify-full")]
    Clear,
    /// A parameter that is not known here.
    #[error("the parameter '{0}' is not known; there are host, port, sslmode, sslrootcert, sslcert, sslkey")]
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
            return Err(PostgresUrlError::Malformed("it names no database".into()));
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
            // A scheme that is not the web's leaves addresses as names.
            (None, Some(Host::Domain(name))) => {
                name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
            (None, None) => return Err(PostgresUrlError::Malformed("it names no host".into())),
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
            ("postgres://db.example.org", PostgresUrlError::Malformed("it names no database".into())),
            ("postgres:///tornado", PostgresUrlError::Malformed("it names no host".into())),
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
