//! Who looks at the console, and what is set.

use super::{CSRF, NOW};
use tornado_admin_ui::model::settings::{
    About, Configuration, Operator, Origin, Passkey, Settings, SignIn, Token, Value,
};
use tornado_admin_ui::model::{Role, Viewer};

/// All rights, as of an owner.
const RIGHTS: [&str; 22] = [
    "audit.read",
    "logs.write",
    "users.read",
    "sessions.read",
    "logs.read",
    "logs.save",
    "settings.write",
    "tokens.create",
    "tokens.revoke",
    "backup.create",
    "own.sign_in",
    "sessions.close",
    "invitations.write",
    "users.write",
    "devices.write",
    "tor.write",
    "services.control",
    "keys.rotate",
    "keys.read",
    "audit.verify",
    "operators.write",
    "operators.remove",
];

/// An owner.
pub fn viewer() -> Viewer {
    Viewer {
        name: "ops-amelia".into(),
        role: Role::Owner,
        host: "vpn.example.net".into(),
        version: "0.1.0".into(),
        up_s: 1_051_200,
        sessions: Some(347),
        users: Some(412),
        services_not_ready: 1,
        rights: RIGHTS.map(str::to_owned).to_vec(),
        csrf: CSRF.into(),
    }
}

/// Settings with everything that the page can show.
pub fn settings() -> Settings {
    let value =
        |name: &str, value: Option<&str>, origin| Value { name: name.into(), value: value.map(str::to_owned), origin };
    let operator = |name: &str, role, has_second_factor| Operator { name: name.into(), role, has_second_factor };
    let sign_in = |id: &str, operator: &str, is_current| SignIn {
        id: id.into(),
        operator: operator.into(),
        address: "192.0.2.7".into(),
        at: NOW - 9000,
        latest_use: NOW - 5,
        is_current,
    };
    let token = |name: &str, scopes: &[&str], days: i64| Token {
        id: name.into(),
        operator: "ops-amelia".into(),
        name: name.into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        expires_at: NOW + days * 86_400,
        latest_use: Some(NOW - 4),
    };
    Settings {
        configuration: Some(Configuration {
            file: "/etc/tornado/tornado.toml".into(),
            is_changed: true,
            values: vec![
                value("server.name", Some("\"vpn.example.net\""), Origin::File),
                value("session.offline_grace", Some("600"), Origin::Default),
                value("lanes.pools.direct.v4", Some("\"10.8.0.0/16\""), Origin::Chosen),
                value("admin.metrics_token_sha256", None, Origin::File),
            ],
        }),
        operators: Some(vec![operator("ops-amelia", Role::Owner, true), operator("ops-bruno", Role::Viewer, false)]),
        sign_ins: vec![sign_in("1", "ops-amelia", true), sign_in("2", "ops-bruno", false)],
        has_second_factor: false,
        passkeys: Some(vec![Passkey {
            id: "0195-0001".into(),
            name: "amelia-phone".into(),
            created_at: NOW - 9_000_000,
            latest_use: Some(NOW - 9000),
        }]),
        tokens: Some(vec![
            token("grafana", &["logs.read"], 90),
            token("hr-joiners", &["users.read", "invitations.write"], 6),
        ]),
        as_of: NOW,
    }
}

/// Version and licence.
pub fn about() -> About {
    About { version: "0.1.0".into(), licence: "GPL-3.0-or-later".into(), history_days: Some(90), log_days: Some(30) }
}
