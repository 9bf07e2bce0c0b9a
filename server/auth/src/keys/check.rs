//! The key check: compares the files with the keys in memory and tests each key pair.

use super::error::KeysError;
use super::ring::{Keys, ids};
use super::rotation::{Schedule, current};
use super::signing::{public_half, sign};
use super::{directory, files};
use tornado_contracts::auth::keys::KeyCheck;
use tornado_contracts::token::{AUDIENCE, Claims, ISSUER, TokenKind, Verifier};
use tornado_shared::model::{DeviceId, FamilyId, UnixSeconds, UserId};
use uuid::Uuid;

/// Reads every file again and tests each key. Problems are part of the result.
///
/// # Errors
/// The directory cannot be read.
pub fn check(keys: &Keys, now: UnixSeconds, schedule: &Schedule) -> Result<KeyCheck, KeysError> {
    let files = files::names(keys.dir())?;
    let mut problems = Vec::new();
    match directory::load(keys.dir()) {
        Err(error) => problems.push(error.to_string()),
        Ok(read) => {
            if read.identity.public() != keys.identity().public() {
                problems.push("identity.json differs from the identity in use".into());
            }
            if read.audit.public() != keys.audit().public() {
                problems.push("audit.json differs from the audit key in use".into());
            }
            if ids(&read.tokens, &read.login) != ids(&keys.tokens(), &keys.login()) {
                problems.push("the key files differ from the keys in use; restart service auth".into());
            }
        }
    }
    let tokens = keys.tokens();
    for key in tokens.stored() {
        let verifier = Verifier::new(&[public_half(key)], key.kind);
        let proof = sign(key, &claims(key.kind, now));
        if !proof.is_ok_and(|token| verifier.verify(token.expose(), now).is_ok()) {
            problems.push(format!("the signing key {} cannot verify its own signature", key.kid));
        }
    }
    for kind in [TokenKind::Access, TokenKind::Refresh] {
        let signer = current(tokens.stored(), kind, now);
        if signer.is_none_or(|key| key.active_from() > now) {
            problems.push("a signing key starts in the future; check whether the clock was set back".into());
        }
        let limit = schedule.period.saturating_mul(2);
        if schedule.period > 0 && signer.is_some_and(|key| now.saturating_sub(key.created_at) > limit) {
            problems.push("a signing key is twice as old as configured; is the key directory writable?".into());
        }
    }
    let logins = keys.login();
    for key in logins.all().1 {
        let good = key.signed().clone().verify(&keys.identity().public(), now).is_ok();
        if !good && key.key().expires_at() > now {
            problems.push(format!("the login key {} is not signed by the identity, or not valid yet", key.id()));
        }
    }
    Ok(KeyCheck { files: files.len(), problems })
}

fn claims(kind: TokenKind, now: UnixSeconds) -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: UserId(Uuid::nil()),
        device_id: DeviceId(Uuid::nil()),
        fam: FamilyId(Uuid::nil()),
        iat: now,
        nbf: now,
        // Never valid outside this check.
        exp: now,
        jti: Uuid::nil(),
        kind,
        scope: None,
    }
}
