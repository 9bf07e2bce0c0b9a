//! API tokens: created and revoked by operators, checked by [`authorise`](crate::access::authorise).

use crate::access::{Act, role_of};
use crate::actor::Actor;
use crate::code::{self, CodeKind};
use crate::core::Core;
use crate::fault;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::api_tokens::{ApiToken, ApiTokenRef, CreateApiToken, CreatedApiToken, PREFIX};
use tornado_contracts::auth::operators::OperatorRole;
use tornado_rpc::Done;
use tornado_shared::model::Secret;
use tornado_store::identity::{ApiTokenOutcome, ApiTokenRow, MAX_API_TOKENS, NewApiToken, OperatorRow};
use uuid::Uuid;

const MAX_NAME: usize = 40;
/// Lifetime of a token, seconds.
const LIFETIME: std::ops::RangeInclusive<i64> = 3600..=365 * 86_400;

pub async fn create_api_token(core: &Core, actor: &Actor, input: CreateApiToken) -> Result<CreatedApiToken, AuthError> {
    let (_, row) = actor.clone().signed_in()?;
    let CreateApiToken { name, scopes, lifetime } = input;
    if !is_name(&name) {
        let text = format!("name must be 1 to {MAX_NAME} letters, digits, '-' and '_'");
        return Err(AuthError::InvalidFields(text));
    }
    if !LIFETIME.contains(&lifetime) {
        return Err(AuthError::InvalidFields("lifetime must be 1 hour to 365 days".into()));
    }
    let scopes = sorted_scopes(scopes, &row)?;
    let code = code::write(&rand::random());
    let now = core.clock.now();
    let new = NewApiToken {
        id: Uuid::new_v4(),
        operator: row.id,
        name,
        token_hash: code::hash(CodeKind::ApiToken, &code),
        scopes: scopes.join(" "),
        now,
        expires_at: now.saturating_add(lifetime),
    };
    let details = [("name", new.name.clone()), ("scopes", new.scopes.clone())];
    let audit = core.trail.detailed(actor, "token.create", format!("token:{}", new.id), &details);
    let outcome = core.trail.signed(core.store.create_api_token(&new, &audit)).await?;
    match outcome {
        ApiTokenOutcome::Created => {}
        ApiTokenOutcome::NameTaken => return Err(AuthError::NameTaken),
        ApiTokenOutcome::TooMany => {
            let text = format!("you have {MAX_API_TOKENS} API tokens; revoke one first");
            return Err(AuthError::InvalidFields(text));
        }
    }
    let view = ApiToken {
        id: new.id,
        operator: row.name,
        name: new.name,
        scopes,
        created_at: now,
        expires_at: new.expires_at,
        used_at: None,
    };
    Ok(CreatedApiToken { token: Secret::new(format!("{PREFIX}{}", code.expose())), view })
}

pub async fn list_api_tokens(core: &Core, actor: &Actor) -> Result<Vec<ApiToken>, AuthError> {
    let mine = match &actor.operator {
        Some((_, row)) if role_of(row)? < OperatorRole::Owner => Some(row.name.clone()),
        Some(_) | None => None,
    };
    let rows = core.store.list_api_tokens().await.map_err(fault::store)?;
    let visible = rows.into_iter().filter(|row| mine.as_ref().is_none_or(|name| *name == row.operator));
    Ok(visible.map(view).collect())
}

pub async fn revoke_api_token(core: &Core, actor: &Actor, what: ApiTokenRef) -> Result<Done, AuthError> {
    let not_found = || AuthError::NotFound("API token".into());
    let visible = list_api_tokens(core, actor).await?;
    let token = visible.into_iter().find(|view| view.id == what.id).ok_or_else(not_found)?;
    let details = [("name", token.name), ("operator", token.operator.to_string())];
    let audit = core.trail.detailed(actor, "token.revoke", format!("token:{}", what.id), &details);
    if !core.trail.signed(core.store.end_api_token(what.id, &audit)).await? {
        return Err(not_found());
    }
    Ok(Done {})
}

fn view(row: ApiTokenRow) -> ApiToken {
    ApiToken {
        id: row.id,
        operator: row.operator,
        name: row.name,
        scopes: row.scopes.split(' ').map(str::to_owned).collect(),
        created_at: row.created_at,
        expires_at: row.expires_at,
        used_at: row.used_at,
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Checks that the operator has each right, and that a token may have it.
fn sorted_scopes(mut scopes: Vec<String>, row: &OperatorRow) -> Result<Vec<String>, AuthError> {
    let role = role_of(row)?;
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(AuthError::InvalidFields("scopes must contain at least one right".into()));
    }
    for scope in &scopes {
        let act = Act::named(scope).filter(|act| act.is_for_tokens());
        let act =
            act.ok_or_else(|| AuthError::InvalidFields(format!("an API token cannot have the right '{scope}'")))?;
        if !act.allowed_to(role) {
            return Err(AuthError::InvalidFields(format!("your role does not have the right '{scope}'")));
        }
    }
    Ok(scopes)
}
