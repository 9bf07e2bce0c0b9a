//! What the server's stores contain: each table and column, with its content, its purpose and when it is deleted.
//!
//! Tests of the stores compare the list with their schemas, so that a new column fails a test until it is described
//! here. The console's page and `docs/data-kept.md` are made from the list.

mod archive;
mod identity;
mod sessions;

pub use archive::{LOGS, METRICS};
pub use identity::IDENTITY;
pub use sessions::SESSIONS;

/// What a column contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// A random identifier of the server.
    Identifier,
    /// A name that a person has chosen: of an account, a device, an operator, a key or a token.
    Name,
    /// An e-mail address.
    Email,
    /// A hash of a secret, from which the secret cannot be computed.
    Hash,
    /// A secret, sealed with a key of the server that the store does not contain.
    Sealed,
    /// A public key.
    PublicKey,
    /// The preshared key of a tunnel.
    PresharedKey,
    /// When something happened, or until when something is valid.
    Time,
    /// The IP address of an operator's browser.
    Address,
    /// Bytes that were transferred.
    Bytes,
    /// A limit or a choice: devices, quota, rates, rights, a role, a country.
    Setting,
    /// A state or a reason.
    State,
    /// Text that a service wrote. Addresses of devices appear in it at the log level `debug` and below only.
    Text,
    /// A number for the server's own order. It is about no person.
    Number,
}

/// When a row is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Until {
    /// Never. A deleted account or device is marked and stays.
    Never,
    /// When it is removed or replaced.
    Removed,
    /// When it has expired; some rows stay for up to 30 days after that, so that a late attempt receives the reason.
    Expired,
    /// When the session ends.
    SessionEnds,
    /// `[session] history_days` after the end.
    History,
    /// `[telemetry] retention_days`.
    Logs,
    /// Seconds after an hour, minutes after seven days, hours after two years.
    Metrics,
}

/// What a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Accounts of people who use the VPN.
    Accounts,
    /// Their devices.
    Devices,
    /// Invitations.
    Invitations,
    /// Logins of devices.
    Logins,
    /// Protection against repeated logins.
    Replays,
    /// Operators.
    Operators,
    /// Sign-ins of operators.
    SignIns,
    /// Second factors and their recovery codes.
    Factors,
    /// Passkeys of operators.
    Passkeys,
    /// API tokens.
    Tokens,
    /// The audit trail.
    Audit,
    /// Settings that operators changed.
    Settings,
    /// Address leases.
    Leases,
    /// Live sessions.
    Sessions,
    /// Past sessions.
    History,
    /// Chosen exit countries.
    Exits,
    /// Sums of bytes for each account.
    Usage,
    /// Log lines of the services.
    Logs,
    /// Metrics of the server, without people.
    Metrics,
    /// The server's own bookkeeping, without people.
    Internal,
}

/// A table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub purpose: Purpose,
    /// When its rows are deleted.
    pub until: Until,
    /// Its columns.
    pub columns: &'static [(&'static str, Content)],
}

/// A store.
#[derive(Clone, Copy, Debug)]
pub struct Store {
    /// Its name.
    pub name: &'static str,
    /// Its tables.
    pub tables: &'static [Table],
}

const fn table(
    name: &'static str,
    purpose: Purpose,
    until: Until,
    columns: &'static [(&'static str, Content)],
) -> Table {
    Table { name, purpose, until, columns }
}

/// All stores.
pub const STORES: [Store; 4] = [IDENTITY, SESSIONS, LOGS, METRICS];

impl Store {
    /// All columns as `table.column`, in the order of the alphabet: for tests of the stores.
    #[must_use]
    pub fn described(&self) -> Vec<String> {
        let of_table = |table: &Table| {
            let name = table.name;
            table.columns.iter().map(move |(column, _)| format!("{name}.{column}")).collect::<Vec<_>>()
        };
        let mut all: Vec<String> = self.tables.iter().flat_map(of_table).collect();
        all.sort();
        all
    }
}
