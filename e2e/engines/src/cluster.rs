//! Both servers as an operator sets them up: with the project's roles and access lists, and with passwords.

use crate::place::Place;
use crate::{EngineError, Postgres, PostgresOptions, Redis, RedisOptions};
use nix::unistd::{Gid, User, chown};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Files that the installation provides for operators.
const ROLES: &str = include_str!("../../../installers/postgres/roles.sql");
const USERS: &str = include_str!("../../../installers/redis/users.acl");

/// Only the superuser of the test needs no password.
const HBA: &str = "local all postgres trust\nlocal all all scram-sha-256\n";

/// Role in PostgreSQL, name of the password file, Unix user that reads it.
const READERS: [(&str, &str, &str); 3] = [
    ("tornado_owner", "owner.postgres", "root"),
    ("tornado_auth", "auth.postgres", "tornado-auth"),
    ("tornado_session", "session.postgres", "tornado-session"),
];

/// A PostgreSQL and a Redis server for one or more gateways, with an empty database `tornado`.
#[derive(Debug)]
pub struct Cluster {
    /// Durable state.
    pub postgres: Postgres,
    /// Live state.
    pub redis: Redis,
    secrets: Place,
}

impl Cluster {
    /// Starts both servers.
    ///
    /// # Errors
    /// A server does not start.
    pub fn start() -> Result<Self, EngineError> {
        let postgres = Postgres::start(&PostgresOptions { hba: Some(HBA.into()), tls: None })?;
        postgres.sql("postgres", ROLES)?;
        let secrets = Place::new()?;
        for (role, file, user) in READERS {
            let password = format!("it's {role}% of {}", std::process::id());
            postgres.sql("postgres", &format!("ALTER ROLE {role} PASSWORD '{}'", password.replace('\'', "''")))?;
            secret(&secrets.path().join(file), user, &password)?;
        }
        let password = format!("redis-{}", std::process::id());
        secret(&secrets.path().join("session.redis"), "tornado-session", &password)?;
        let acl = format!("{}user admin on nopass ~* &* +@all\n", USERS.replace("resetpass", &format!(">{password}")));
        let redis = Redis::start(&RedisOptions { acl: Some(acl), tls: None })?;
        Ok(Self { postgres, redis, secrets })
    }

    /// Tables `[store]` and `[live]` of the configuration.
    #[must_use]
    pub fn config(&self) -> String {
        format!("[store]\nurl = '{}'\n\n[live]\nurl = '{}'\n\n", self.postgres.url("tornado"), self.redis.url())
    }

    /// Directory of the password files.
    #[must_use]
    pub fn secrets(&self) -> &Path {
        self.secrets.path()
    }

    /// The password in one of these files.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn password(&self, file: &str) -> Result<String, EngineError> {
        let path = self.secrets.path().join(file);
        std::fs::read_to_string(&path).map_err(|source| EngineError::File { what: "read", path, source })
    }
}

fn secret(path: &Path, user: &str, text: &str) -> Result<(), EngineError> {
    let failed = |source| EngineError::File { what: "write", path: path.into(), source };
    std::fs::write(path, text).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640)).map_err(failed)?;
    // If the services have their own users.
    let group: Option<Gid> = User::from_name(user).ok().flatten().map(|found| found.gid);
    if nix::unistd::geteuid().is_root() {
        chown(path, None, group).map_err(|errno| failed(errno.into()))?;
    }
    Ok(())
}
