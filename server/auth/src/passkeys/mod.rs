//! Passkeys of operators: registration, sign-in, confirmation.

mod pending;

use crate::actor::Actor;
use crate::core::Core;
use crate::fault;
use crate::guard::{Attempt, operator_tag};
use crate::operators::sign_ins;
pub(crate) use pending::Pending;
use pending::{Ceremony, Challenge};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::operators::SignedIn;
use tornado_contracts::auth::passkeys::{
    BeginPasskey, NewPasskey, PasskeyAnswer, PasskeyChallenge, PasskeySignIn, PasskeyView, RemovePasskey, Site,
};
use tornado_rpc::Done;
use tornado_shared::model::OperatorId;
use tornado_store::identity::{MAX_PASSKEYS, OperatorRow, PasskeyOutcome, PasskeyRow, UsedPasskey};
use uuid::Uuid;
use webauthn_rs::prelude::{
    AuthenticationResult, Passkey, PublicKeyCredential, RegisterPublicKeyCredential, Url, Webauthn, WebauthnBuilder,
    WebauthnError,
};

pub async fn list_passkeys(core: &Core, actor: Actor) -> Result<Vec<PasskeyView>, AuthError> {
    let (_, row) = actor.signed_in()?;
    Ok(of(core, row.id).await?.1.into_iter().map(view).collect())
}

pub async fn begin_passkey(core: &Core, actor: Actor, what: BeginPasskey) -> Result<PasskeyChallenge, AuthError> {
    let (_, row) = actor.signed_in()?;
    core.passwords.confirm(operator_tag(&row.name), &what.password, &row.password_hash).await?;
    let (_, known) = of(core, row.id).await?;
    let known = known.iter().map(|row| Ok(stored(row)?.cred_id().clone())).collect::<Result<Vec<_>, AuthError>>()?;
    let name = row.name.as_str();
    let begun = webauthn(&what.site)?.start_passkey_registration(row.id.0, name, name, Some(known));
    let (options, state) = begun.map_err(|error| refused(&error))?;
    let mut options = value(&options)?;
    // A sign-in does not name the operator: the authenticator must be able to find the passkey by itself.
    let selection = &mut options["publicKey"]["authenticatorSelection"];
    selection["residentKey"] = json!("required");
    selection["requireResidentKey"] = json!(true);
    let ceremony = Ceremony::Register { operator: row.id, state: Box::new(state) };
    Ok(challenge(core, ceremony, what.site, &options))
}

pub async fn confirm_passkey(core: &Core, actor: Actor, what: NewPasskey) -> Result<PasskeyView, AuthError> {
    let (_, row) = actor.clone().signed_in()?;
    if !is_name(&what.name) {
        return Err(AuthError::InvalidFields("name must be 1 to 64 visible characters".into()));
    }
    let Challenge { ceremony, site } = taken(core, what.id)?;
    let Ceremony::Register { operator, state } = ceremony else { return Err(AuthError::PasskeyRefused) };
    if operator != row.id {
        return Err(AuthError::PasskeyRefused);
    }
    let credential: RegisterPublicKeyCredential = parsed(&what.credential)?;
    let passkey = webauthn(&site)?.finish_passkey_registration(&credential, &state);
    let passkey = passkey.map_err(|error| refused(&error))?;
    let new = PasskeyRow {
        id: Uuid::new_v4(),
        operator,
        name: what.name,
        credential_id: passkey.cred_id().clone(),
        passkey: text(&passkey)?,
        created_at: core.clock.now(),
        used_at: None,
    };
    let audit = core.trail.row(&actor, "operator.passkey_on", format!("passkey:{}", new.id));
    match core.trail.signed(core.store.add_passkey(&new, &audit)).await? {
        PasskeyOutcome::Added => {}
        PasskeyOutcome::Known => return Err(AuthError::PasskeyRefused),
        PasskeyOutcome::TooMany => {
            let text = format!("you have {MAX_PASSKEYS} passkeys; remove one first");
            return Err(AuthError::InvalidFields(text));
        }
    }
    Ok(view(new))
}

pub async fn remove_passkey(core: &Core, actor: Actor, what: RemovePasskey) -> Result<Done, AuthError> {
    let (_, row) = actor.clone().signed_in()?;
    core.passwords.confirm(operator_tag(&row.name), &what.password, &row.password_hash).await?;
    let audit = core.trail.row(&actor, "operator.passkey_off", format!("passkey:{}", what.id));
    if !core.trail.signed(core.store.remove_passkey(row.id, what.id, &audit)).await? {
        return Err(AuthError::NotFound("passkey".into()));
    }
    Ok(Done {})
}

pub fn begin_passkey_sign_in(core: &Core, site: Site) -> Result<PasskeyChallenge, AuthError> {
    let begun = webauthn(&site)?.start_discoverable_authentication();
    let (options, state) = begun.map_err(|error| refused(&error))?;
    let mut options = value(&options)?;
    // The caller decides whether the browser offers passkeys in the field of the name, or in a dialog.
    if let Some(fields) = options.as_object_mut() {
        fields.remove("mediation");
    }
    Ok(challenge(core, Ceremony::SignIn { state: Box::new(state) }, site, &options))
}

pub async fn sign_in_by_passkey(core: &Core, input: PasskeySignIn) -> Result<SignedIn, AuthError> {
    let attempt = core.attempts.begin(Attempt::new(input.client_ip, None))?;
    match verified(core, &input).await {
        Ok((row, used)) => {
            attempt.succeeded();
            sign_ins::open_by_passkey(core, row, &used, input.client_ip.to_string()).await
        }
        Err(AuthError::PasskeyRefused) => {
            attempt.failed();
            core.trail.note("unauthenticated", "operator.sign_in", "passkey", Outcome::Refused).await;
            Err(AuthError::PasskeyRefused)
        }
        Err(error) => Err(error),
    }
}

async fn verified(core: &Core, input: &PasskeySignIn) -> Result<(OperatorRow, UsedPasskey), AuthError> {
    let Challenge { ceremony, site } = taken(core, input.id)?;
    let Ceremony::SignIn { state } = ceremony else { return Err(AuthError::PasskeyRefused) };
    let credential: PublicKeyCredential = parsed(&input.credential)?;
    let webauthn = webauthn(&site)?;
    let named = webauthn.identify_discoverable_authentication(&credential);
    let (operator, credential_id) = named.map_err(|error| refused(&error))?;
    let found = core.store.operator_passkeys(OperatorId(operator)).await.map_err(fault::store)?;
    let (row, keys) = found.ok_or(AuthError::PasskeyRefused)?;
    let key = keys.iter().find(|key| key.credential_id == credential_id).ok_or(AuthError::PasskeyRefused)?;
    let mut passkey = stored(key)?;
    let result = webauthn.finish_discoverable_authentication_v2(&credential, *state, &passkey);
    let used = used(core, key, &mut passkey, &result.map_err(|error| refused(&error))?)?;
    Ok((row, used))
}

pub async fn begin_passkey_confirmation(core: &Core, actor: Actor, site: Site) -> Result<PasskeyChallenge, AuthError> {
    let (sign_in, row) = actor.signed_in()?;
    let keys = of(core, row.id).await?.1;
    if keys.is_empty() {
        return Err(AuthError::NotFound("passkey".into()));
    }
    let keys = keys.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
    let begun = webauthn(&site)?.start_passkey_authentication(&keys);
    let (options, state) = begun.map_err(|error| refused(&error))?;
    let options = value(&options)?;
    Ok(challenge(core, Ceremony::Confirm { sign_in, state: Box::new(state) }, site, &options))
}

pub async fn confirm_by_passkey(core: &Core, actor: Actor, what: PasskeyAnswer) -> Result<Done, AuthError> {
    let (own, row) = actor.clone().signed_in()?;
    let Challenge { ceremony, site } = taken(core, what.id)?;
    let Ceremony::Confirm { sign_in, state } = ceremony else { return Err(AuthError::PasskeyRefused) };
    if sign_in != own {
        return Err(AuthError::PasskeyRefused);
    }
    let credential: PublicKeyCredential = parsed(&what.credential)?;
    let result = webauthn(&site)?.finish_passkey_authentication(&credential, &state);
    let result = result.map_err(|error| refused(&error))?;
    let keys = of(core, row.id).await?.1;
    let key = keys.iter().find(|key| key.credential_id == *result.cred_id());
    let key = key.ok_or(AuthError::PasskeyRefused)?;
    let used = used(core, key, &mut stored(key)?, &result)?;
    let audit = core.trail.detailed(
        &actor,
        "operator.confirmed",
        format!("sign_in:{sign_in}"),
        &[("method", "passkey".to_owned())],
    );
    core.trail.signed(core.store.confirm_by_passkey(sign_in, &used, &audit)).await?;
    Ok(Done {})
}

async fn of(core: &Core, operator: OperatorId) -> Result<(OperatorRow, Vec<PasskeyRow>), AuthError> {
    let found = core.store.operator_passkeys(operator).await.map_err(fault::store)?;
    found.ok_or(AuthError::SignedOut)
}

fn challenge(core: &Core, ceremony: Ceremony, site: Site, options: &Value) -> PasskeyChallenge {
    let id = Uuid::new_v4();
    core.pending.put(id, Challenge { ceremony, site }, core.clock.now());
    PasskeyChallenge { id, options: options.to_string() }
}

fn taken(core: &Core, id: Uuid) -> Result<Challenge, AuthError> {
    core.pending.take(id, core.clock.now()).ok_or(AuthError::PasskeyRefused)
}

fn used(
    core: &Core,
    key: &PasskeyRow,
    passkey: &mut Passkey,
    result: &AuthenticationResult,
) -> Result<UsedPasskey, AuthError> {
    passkey.update_credential(result);
    Ok(UsedPasskey { id: key.id, passkey: text(passkey)?, now: core.clock.now() })
}

fn webauthn(site: &Site) -> Result<Webauthn, AuthError> {
    let unfit = || {
        let text = "passkeys require a host name; open the console by its name, not by an address";
        AuthError::InvalidFields(text.into())
    };
    let origin = Url::parse(&site.origin).map_err(|_| unfit())?;
    let builder = WebauthnBuilder::new(&site.host, &origin).map_err(|_| unfit())?;
    builder.rp_name("Tornado VPN").build().map_err(|_| unfit())
}

fn refused(error: &WebauthnError) -> AuthError {
    tracing::debug!(%error, "a passkey was not accepted");
    AuthError::PasskeyRefused
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, AuthError> {
    serde_json::from_str(text).map_err(|error| AuthError::InvalidFields(format!("credential: {error}")))
}

fn stored(row: &PasskeyRow) -> Result<Passkey, AuthError> {
    serde_json::from_str(&row.passkey).map_err(|_| fault::internal("a stored passkey cannot be read"))
}

fn text(value: &impl Serialize) -> Result<String, AuthError> {
    serde_json::to_string(value).map_err(|_| fault::internal("a passkey cannot be written"))
}

fn value(options: &impl Serialize) -> Result<Value, AuthError> {
    serde_json::to_value(options).map_err(|_| fault::internal("a challenge cannot be written"))
}

fn view(row: PasskeyRow) -> PasskeyView {
    PasskeyView { id: row.id, name: row.name, created_at: row.created_at, used_at: row.used_at }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && name.chars().all(tornado_shared::model::text::is_visible)
}
