//! A server for tests as an operator sets it up: each service works as its own role, with a password.

use crate::identity::SqlIdentityStore;
use crate::sessions::SqlSessions;
use crate::{PostgresLogin, PostgresUrl};
use tornado_e2e_engines::Cluster;

/// Database and tables are as `installers/postgres/roles.sql` and `tornadod migrate schema` leave them.
pub(crate) struct Roles(Cluster);

impl Roles {
    pub(crate) async fn start() -> Self {
        let roles = Self(Cluster::start().unwrap());
        let owner = roles.of("tornado_owner", roles.0.postgres.url("tornado").parse().unwrap());
        // Twice: each update of the program runs it again.
        for _ in 0..2 {
            SqlIdentityStore::migrate_postgres(&owner).await.unwrap();
            SqlSessions::migrate_postgres(&owner).await.unwrap();
        }
        roles
    }

    /// Of a database that no test has used.
    pub(crate) fn url(&self) -> PostgresUrl {
        self.0.postgres.copy("tornado").unwrap().parse().unwrap()
    }

    /// A role in a database that no test has used.
    pub(crate) fn login(&self, role: &str) -> PostgresLogin {
        self.of(role, self.url())
    }

    fn of(&self, role: &str, url: PostgresUrl) -> PostgresLogin {
        let file = format!("{}.postgres", role.trim_start_matches("tornado_"));
        PostgresLogin::new(url, role, &self.0.secrets().join(file)).unwrap()
    }
}
