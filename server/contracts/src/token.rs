//! Access tokens: what is in them and how any process checks one with public keys only.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use tornado_shared::model::{DeviceId, FamilyId, UnixSeconds, UserId};

/// `iss` of every token; the original's value, kept for its clients.
pub const ISSUER: &str = "tornado-vpn.local";
/// `aud` of every token; the original's value, kept for its clients.
pub const AUDIENCE: &str = "tornado-vpn-users";

/// What a token is for; claim `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Opens the device API for 15 minutes.
    Access,
    /// Buys a new pair once.
    Refresh,
}

/// Claims of both kinds of token (RFC 7519). Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// [`ISSUER`].
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// The user.
    pub sub: UserId,
    /// The device.
    pub device_id: DeviceId,
    /// The chain of refresh tokens this one belongs to.
    pub fam: FamilyId,
    /// Issued at.
    pub iat: UnixSeconds,
    /// Not before.
    pub nbf: UnixSeconds,
    /// Expires at.
    pub exp: UnixSeconds,
    /// This token's own number.
    pub jti: uuid::Uuid,
    /// Access or refresh.
    #[serde(rename = "type")]
    pub kind: TokenKind,
    /// `user` in access tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<String>,
}

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyingKey {
    /// `kid` of the tokens it checks.
    pub kid: String,
    /// What its tokens are for. A refresh key never opens the API.
    pub kind: TokenKind,
    /// Ed25519 public key, raw 32 bytes, base64url without padding (RFC 8037 `x`).
    pub x: String,
}

/// Why a token is not accepted. The texts are the stable codes of the device API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TokenError {
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It is not one of ours, not of this kind, or altered.
    #[error("the token is not valid")]
    Invalid,
    /// Signed with a key that is not known here: fetch the keys again.
    #[error("the token was signed with an unknown key")]
    UnknownKey,
}

/// Checks tokens of one kind against a set of public keys.
#[derive(Clone)]
pub struct Verifier {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
    kind: TokenKind,
}

impl Verifier {
    /// A verifier for tokens of `kind`. Keys of the other kind, and keys that do not parse, are left out.
    #[must_use]
    pub fn new(keys: &[VerifyingKey], kind: TokenKind) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let of_kind = keys.iter().filter(|key| key.kind == kind);
        let keys = of_kind.filter_map(|k| Some((k.kid.clone(), DecodingKey::from_ed_components(&k.x).ok()?)));
        Self { keys: keys.collect(), validation, kind }
    }

    /// Checks signature, issuer, audience, kind and times at `now` with 5 seconds of leeway. A token of up to a day in
    /// the future is taken: it was signed by us, so the clock has been set back since, and nobody is logged out by that.
    ///
    /// # Errors
    /// [`TokenError::Expired`] also for a token of a key that is no longer known.
    pub fn verify(&self, token: &str, now: UnixSeconds) -> Result<Claims, TokenError> {
        const LEEWAY: i64 = 5;
        const SET_BACK: i64 = 86_400;
        if token.len() > 4096 {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let kid = header.kid.ok_or(TokenError::Invalid)?;
        let Some(key) = self.keys.get(&kid) else {
            // A key is forgotten when the last token it signed has expired. Whoever slept through both has an old
            // token, not a bad one, and is to trade it; a forged one gains nothing by that word.
            let of_old = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token);
            let is_old = of_old.is_ok_and(|claims| claims.exp.saturating_add(LEEWAY) <= now);
            return Err(if is_old { TokenError::Expired } else { TokenError::UnknownKey });
        };
        let claims =
            jsonwebtoken::decode::<Claims>(token, key, &self.validation).map_err(|_| TokenError::Invalid)?.claims;
        if claims.kind != self.kind || claims.nbf > now.saturating_add(SET_BACK) {
            return Err(TokenError::Invalid);
        }
        if claims.exp.saturating_add(LEEWAY) <= now {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}
