//! Keys, the audit trail, settings, version.

use crate::caller::fault;
use crate::overview::{outcome, role};
use tornado_admin_api::types::{self, ApiTokenView, AuditQuery, KeyView, NoInput, SettingOrigin, SettingView};
use tornado_admin_api::{AdminApi, AdminResult};
use tornado_admin_ui::model::audit::{self, Audit, Entry};
use tornado_admin_ui::model::keys::{Key, Keys, Phase, Usage};
use tornado_admin_ui::model::set_up::{Reach, Reachability};
use tornado_admin_ui::model::settings::{
    About, Configuration, Operator, Origin, Passkey, Settings, SignIn, Token, Value,
};
use tornado_admin_ui::model::{Fault, Page};

/// Licence of the server.
const LICENCE: &str = "GPL-3.0-or-later";

fn key(view: KeyView) -> Key {
    Key {
        usage: match view.usage.as_str() {
            "access" => Usage::Access,
            "refresh" => Usage::Refresh,
            "login_v1" => Usage::LoginV1,
            "login_v2" => Usage::LoginV2,
            _ => Usage::Other(view.usage),
        },
        phase: match view.phase.as_str() {
            "next" => Phase::Next,
            "current" => Phase::Current,
            _ => Phase::VerifyOnly,
        },
        id: view.id,
        created_at: view.created_at,
        active_from: view.active_from,
        gone_at: view.gone_at,
    }
}

/// The keys.
///
/// # Errors
///
/// The sign-in does not allow it, or `auth` does not respond.
pub async fn keys(api: &dyn AdminApi) -> Result<Keys, Fault> {
    let view = api.show_keys(NoInput {}).await.map_err(|error| fault(&error, "auth"))?;
    Ok(Keys {
        keys: view.keys.into_iter().map(key).collect(),
        next_rotation: view.next_rotation,
        is_rotating: view.rotating,
        tls: view.tls_spki_sha256,
        as_of: view.now,
    })
}

/// A part of the audit trail.
///
/// # Errors
///
/// The sign-in does not allow it, or `auth` does not respond.
pub async fn audit(api: &dyn AdminApi, query: audit::Query, now: i64) -> Result<Audit, Fault> {
    let before = query.cursor.is_some().then(String::new);
    let input = AuditQuery { action: query.text, actor: query.actor, cursor: query.cursor, limit: None };
    let list = api.list_audit(input).await.map_err(|error| fault(&error, "auth"))?;
    let rows = list.items.into_iter().map(|row| Entry {
        number: u64::try_from(row.seq).unwrap_or(0),
        at: row.at,
        actor: row.actor,
        action: row.action,
        target: row.subject,
        outcome: outcome(&row.outcome),
        details: row.details.into_iter().collect(),
    });
    Ok(Audit { page: Page { rows: rows.collect(), offset: None, matching: None, next: list.next, before, as_of: now } })
}

fn value(view: SettingView) -> Value {
    Value {
        name: view.name,
        value: view.value,
        origin: match view.origin {
            SettingOrigin::Default => Origin::Default,
            SettingOrigin::File => Origin::File,
            SettingOrigin::Chosen => Origin::Chosen,
            SettingOrigin::Operator => Origin::Operator,
        },
    }
}

/// A part that is absent for a role without its right.
fn allowed<T>(part: AdminResult<T>, service: &str) -> Result<Option<T>, Fault> {
    match part {
        Ok(part) => Ok(Some(part)),
        Err(error) if error.status() == 403 => Ok(None),
        Err(error) => Err(fault(&error, service)),
    }
}

/// Settings, operators and sign-ins.
///
/// # Errors
///
/// The sign-in has ended, or `auth` does not respond.
pub async fn settings(api: &dyn AdminApi, now: i64) -> Result<Settings, Fault> {
    let (values, operators, sign_ins, own) = futures::join!(
        api.list_settings(NoInput {}),
        api.list_operators(NoInput {}),
        api.list_sign_ins(NoInput {}),
        api.whoami(NoInput {})
    );
    let (passkeys, tokens) = futures::join!(api.list_passkeys(NoInput {}), api.list_api_tokens(NoInput {}));
    let own = own.map_err(|error| fault(&error, "auth"))?;
    let sign_ins = sign_ins.map_err(|error| fault(&error, "auth"))?.items;
    Ok(Settings {
        configuration: allowed(values, "auth")?.map(|view| Configuration {
            file: view.file,
            is_changed: view.is_changed,
            values: view.settings.into_iter().map(value).collect(),
        }),
        operators: allowed(operators, "auth")?.map(|list| {
            let operator = |view: tornado_admin_api::types::OperatorView| Operator {
                name: view.name,
                role: role(view.role),
                has_second_factor: view.has_totp,
            };
            list.items.into_iter().map(operator).collect()
        }),
        sign_ins: sign_ins
            .into_iter()
            .map(|view| SignIn {
                id: view.id.to_string(),
                operator: view.operator,
                address: view.address,
                at: view.created_at,
                latest_use: view.used_at,
                is_current: view.is_own,
            })
            .collect(),
        has_second_factor: own.operator.has_totp,
        passkeys: allowed(passkeys, "auth")?.map(|list| {
            let passkey = |view: types::PasskeyView| Passkey {
                id: view.id.to_string(),
                name: view.name,
                created_at: view.created_at,
                latest_use: view.used_at,
            };
            list.items.into_iter().map(passkey).collect()
        }),
        tokens: allowed(tokens, "auth")?.map(|list| list.items.into_iter().map(token).collect()),
        as_of: now,
    })
}

fn token(view: ApiTokenView) -> Token {
    Token {
        id: view.id.to_string(),
        operator: view.operator,
        name: view.name,
        scopes: view.scopes,
        expires_at: view.expires_at,
        latest_use: view.used_at,
    }
}

/// How devices reach the server.
///
/// # Errors
///
/// The sign-in does not allow it.
pub async fn reachability(api: &dyn AdminApi) -> Result<Reachability, Fault> {
    let (server, tor) = futures::join!(api.show_server(NoInput {}), api.show_tor(NoInput {}));
    let server = server.map_err(|error| fault(&error, "auth"))?;
    Ok(Reachability {
        host: server.host,
        found_address: server.found_address,
        port: server.port,
        reach: match server.reach {
            types::Reach::Name => Reach::Name,
            types::Reach::Public => Reach::Public,
            types::Reach::Private => Reach::Private,
            types::Reach::Missing => Reach::Missing,
        },
        tor: tor.ok().map(|tor| crate::tor::bootstrap(&tor)),
    })
}

/// Version, licence, and spans for which data are kept.
///
/// # Errors
///
/// The sign-in has ended.
pub async fn about(api: &dyn AdminApi) -> Result<About, Fault> {
    let (view, values) = futures::join!(api.show_server(NoInput {}), api.list_settings(NoInput {}));
    let view = allowed(view, "auth")?;
    let values = allowed(values, "auth")?.map(|view| view.settings).unwrap_or_default();
    let days = |name: &str| values.iter().find(|one| one.name == name)?.value.as_ref()?.parse().ok();
    // All parts of the server have the same version.
    let version = view.map_or_else(|| env!("CARGO_PKG_VERSION").to_owned(), |view| view.version);
    Ok(About {
        version,
        licence: LICENCE.to_owned(),
        history_days: days("session.history_days"),
        log_days: days("telemetry.retention_days"),
    })
}
