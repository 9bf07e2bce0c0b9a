//! What the server's stores contain: each table and column, with its content, its purpose and when it is deleted.
//!
//! Tests of the stores compare the list with their schemas, so that a new column fails a test until it is described
//! here. The console's page and `docs/data-kept.md` are made from the list.

use Content::*;

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

/// Accounts, operators, keys: SQLite or PostgreSQL.
pub const IDENTITY: Store = Store {
    name: "identity",
    tables: &[
        table(
            "users",
            Purpose::Accounts,
            Until::Never,
            &[
                ("id", Identifier),
                ("username", Name),
                ("email", Email),
                ("password_hash", Hash),
                ("is_active", State),
                ("max_devices", Setting),
                ("created_at", Time),
                ("last_login_at", Time),
                ("deleted_at", Time),
                ("month_quota", Setting),
                ("download_rate", Setting),
                ("upload_rate", Setting),
                ("together", Setting),
            ],
        ),
        table(
            "devices",
            Purpose::Devices,
            Until::Never,
            &[
                ("id", Identifier),
                ("user_id", Identifier),
                ("kind", State),
                ("device_key", PublicKey),
                ("name", Name),
                ("wireguard_key", PublicKey),
                ("created_at", Time),
                ("last_login_at", Time),
                ("removed_at", Time),
            ],
        ),
        table(
            "invitations",
            Purpose::Invitations,
            Until::Expired,
            &[
                ("id", Identifier),
                ("code_hash", Hash),
                ("user_id", Identifier),
                ("max_devices", Setting),
                ("created_at", Time),
                ("expires_at", Time),
                ("used_at", Time),
            ],
        ),
        table(
            "token_families",
            Purpose::Logins,
            Until::Expired,
            &[
                ("id", Identifier),
                ("user_id", Identifier),
                ("device_id", Identifier),
                ("refresh_jti", Identifier),
                ("spent_jti", Identifier),
                ("spent_attempt", Identifier),
                ("sealed_export", Sealed),
                ("created_at", Time),
                ("expires_at", Time),
                ("revoked_at", Time),
                ("revoke_reason", State),
            ],
        ),
        table("spent_envelopes", Purpose::Replays, Until::Expired, &[("key_hash", Hash), ("expires_at", Time)]),
        table(
            "operators",
            Purpose::Operators,
            Until::Removed,
            &[
                ("id", Identifier),
                ("name", Name),
                ("password_hash", Hash),
                ("role", Setting),
                ("created_at", Time),
                ("updated_at", Time),
            ],
        ),
        table(
            "operator_sign_ins",
            Purpose::SignIns,
            Until::Expired,
            &[
                ("id", Identifier),
                ("operator_id", Identifier),
                ("token_hash", Hash),
                ("created_at", Time),
                ("expires_at", Time),
                ("confirmed_at", Time),
                ("used_at", Time),
                ("address", Address),
            ],
        ),
        table(
            "operator_passkeys",
            Purpose::Passkeys,
            Until::Removed,
            &[
                ("id", Identifier),
                ("operator_id", Identifier),
                ("name", Name),
                ("credential_id", Identifier),
                ("passkey", PublicKey),
                ("created_at", Time),
                ("used_at", Time),
            ],
        ),
        table(
            "second_factors",
            Purpose::Factors,
            Until::Removed,
            &[
                ("owner_kind", State),
                ("owner_id", Identifier),
                ("sealed_secret", Sealed),
                ("confirmed", State),
                ("last_step", Number),
                ("created_at", Time),
            ],
        ),
        table(
            "recovery_codes",
            Purpose::Factors,
            Until::Removed,
            &[("owner_kind", State), ("owner_id", Identifier), ("code_hash", Hash), ("used_at", Time)],
        ),
        table(
            "api_tokens",
            Purpose::Tokens,
            Until::Expired,
            &[
                ("id", Identifier),
                ("operator_id", Identifier),
                ("name", Name),
                ("token_hash", Hash),
                ("scopes", Setting),
                ("created_at", Time),
                ("expires_at", Time),
                ("used_at", Time),
            ],
        ),
        table(
            "audit_rows",
            Purpose::Audit,
            Until::Never,
            &[
                ("seq", Number),
                ("at", Time),
                ("actor", Name),
                ("action", State),
                ("subject", Name),
                ("outcome", State),
                ("details", Text),
                ("hash", Hash),
            ],
        ),
        table(
            "settings",
            Purpose::Settings,
            Until::Removed,
            &[("name", Number), ("value", Setting), ("updated_at", Time)],
        ),
        table("audit_head", Purpose::Internal, Until::Removed, &[("one", Number), ("seq", Number), ("hash", Hash)]),
        table(
            "setup_code",
            Purpose::Internal,
            Until::Expired,
            &[("one", Number), ("code_hash", Hash), ("expires_at", Time)],
        ),
        table(
            "tls_key",
            Purpose::Internal,
            Until::Removed,
            &[("one", Number), ("spki_sha256", PublicKey), ("attested_at", Time)],
        ),
    ],
};

/// Leases, sessions and their history: SQLite or PostgreSQL.
pub const SESSIONS: Store = Store {
    name: "sessions",
    tables: &[
        table(
            "sessions",
            Purpose::Sessions,
            Until::SessionEnds,
            &[
                ("session_id", Identifier),
                ("device_id", Identifier),
                ("user_id", Identifier),
                ("family_id", Identifier),
                ("username", Name),
                ("node_id", Number),
                ("slot", Number),
                ("public_key", PublicKey),
                ("direct_preshared_key", PresharedKey),
                ("tor_preshared_key", PresharedKey),
                ("state", State),
                ("started_at", Time),
                ("last_heartbeat", Time),
                ("latest_handshake", Time),
                ("offline_since", Time),
                ("direct_rx", Bytes),
                ("direct_tx", Bytes),
                ("direct_base_rx", Bytes),
                ("direct_base_tx", Bytes),
                ("tor_rx", Bytes),
                ("tor_tx", Bytes),
                ("tor_base_rx", Bytes),
                ("tor_base_tx", Bytes),
                ("isolation", Number),
                ("plain", State),
            ],
        ),
        table(
            "leases",
            Purpose::Leases,
            Until::History,
            &[
                ("node_id", Number),
                ("slot", Number),
                ("device_id", Identifier),
                ("session_id", Identifier),
                ("user_id", Identifier),
                ("released_at", Time),
            ],
        ),
        table(
            "history",
            Purpose::History,
            Until::History,
            &[
                ("session_id", Identifier),
                ("user_id", Identifier),
                ("username", Name),
                ("device_id", Identifier),
                ("public_key", PublicKey),
                ("started_at", Time),
                ("ended_at", Time),
                ("reason", State),
                ("direct_rx", Bytes),
                ("direct_tx", Bytes),
                ("tor_rx", Bytes),
                ("tor_tx", Bytes),
                ("node_id", Number),
            ],
        ),
        table(
            "usage_days",
            Purpose::Usage,
            Until::History,
            &[
                ("user_id", Identifier),
                ("day", Time),
                ("direct_rx", Bytes),
                ("direct_tx", Bytes),
                ("tor_rx", Bytes),
                ("tor_tx", Bytes),
            ],
        ),
        table(
            "usage",
            Purpose::Usage,
            Until::Never,
            &[
                ("user_id", Identifier),
                ("sessions", Number),
                ("direct_rx", Bytes),
                ("direct_tx", Bytes),
                ("tor_rx", Bytes),
                ("tor_tx", Bytes),
            ],
        ),
        table(
            "marks",
            Purpose::Usage,
            Until::Removed,
            &[
                ("user_id", Identifier),
                ("span", State),
                ("number", Time),
                ("direct_rx", Bytes),
                ("direct_tx", Bytes),
                ("tor_rx", Bytes),
                ("tor_tx", Bytes),
            ],
        ),
        table(
            "allowances",
            Purpose::Usage,
            Until::Removed,
            &[("user_id", Identifier), ("month", Time), ("base", Bytes), ("quota", Setting)],
        ),
        table("exits", Purpose::Exits, Until::Removed, &[("device_id", Identifier), ("country", Setting)]),
        table("turns", Purpose::Internal, Until::Never, &[("user_id", Identifier), ("taken", Number)]),
        table("isolation", Purpose::Internal, Until::Never, &[("node_id", Number), ("latest", Number)]),
    ],
};

/// The archive of log lines: SQLite, a file for each day.
pub const LOGS: Store = Store {
    name: "logs",
    tables: &[
        table(
            "lines",
            Purpose::Logs,
            Until::Logs,
            &[
                ("id", Time),
                ("level", State),
                ("service", Number),
                ("target", Number),
                ("process", Number),
                ("seq", Number),
                ("request", Identifier),
                ("message", Text),
                ("fields", Text),
            ],
        ),
        table("search", Purpose::Logs, Until::Logs, &[("message", Text), ("fields", Text)]),
        table("names", Purpose::Internal, Until::Logs, &[("id", Number), ("name", Number)]),
        table(
            "cursors",
            Purpose::Internal,
            Until::Logs,
            &[("service", Number), ("generation", Number), ("state", Number)],
        ),
        table(
            "held",
            Purpose::Internal,
            Until::Logs,
            &[
                ("process", Number),
                ("service", Number),
                ("lines", Number),
                ("newest", Number),
                ("bound", Number),
                ("again", Number),
                ("latest", Number),
            ],
        ),
    ],
};

/// The history of metrics: SQLite.
pub const METRICS: Store = Store {
    name: "metrics",
    tables: &[
        table("metrics", Purpose::Metrics, Until::Metrics, &[("id", Number), ("name", Number)]),
        table("seconds", Purpose::Metrics, Until::Metrics, &[("at", Time), ("data", Number)]),
        table("minutes", Purpose::Metrics, Until::Metrics, &[("at", Time), ("data", Number)]),
        table("hours", Purpose::Metrics, Until::Metrics, &[("at", Time), ("data", Number)]),
    ],
};

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
