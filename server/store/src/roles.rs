//! A test server set up like an installation: each service has its own role with a password.

use crate::identity::SqlIdentityStore;
use crate::sessions::SqlSessions;
use crate::{PostgresLogin, PostgresUrl};
use tornado_e2e_engines::Cluster;

/// Database and tables as created by `installers/postgres/roles.sql` and `tornadod migrate schema`.
pub(crate) struct Roles(Cluster);

impl Roles {
    pub(crate) async fn start() -> Self {
        let roles = Self(Cluster::start().unwrap());
        let owner = roles.of("tornado_owner", roles.0.postgres.url("tornado").parse().unwrap());
        // Twice, because each update of the program runs the migrations again.
        for _ in 0..2 {
            SqlIdentityStore::migrate_postgres(&owner).await.unwrap();
            SqlSessions::migrate_postgres(&owner).await.unwrap();
        }
        roles
    }

    /// URL of an unused database.
    pub(crate) fn url(&self) -> PostgresUrl {
        self.0.postgres.copy("tornado").unwrap().parse().unwrap()
    }

    /// A role in an unused database.
    pub(crate) fn login(&self, role: &str) -> PostgresLogin {
        self.of(role, self.url())
    }

    /// A role in the first database, which `tornado_owner` owns.
    pub(crate) fn first(&self, role: &str) -> PostgresLogin {
        self.of(role, self.0.postgres.url("tornado").parse().unwrap())
    }

    /// Runs SQL in the first database as a superuser.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.0.postgres.sql("tornado", sql).unwrap()
    }

    /// Runs SQL in the first database as a role. Returns false if it is rejected.
    pub(crate) fn may(&self, role: &str, sql: &str) -> bool {
        let file = format!("{}.postgres", role.trim_start_matches("tornado_"));
        self.0.postgres.sql_with(role, &self.0.password(&file).unwrap(), "tornado", sql).is_ok()
    }

    fn of(&self, role: &str, url: PostgresUrl) -> PostgresLogin {
        let file = format!("{}.postgres", role.trim_start_matches("tornado_"));
        PostgresLogin::new(url, role, &self.0.secrets().join(file)).unwrap()
    }
}
