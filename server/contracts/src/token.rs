//! Access tokens: claims, and verification with public keys only.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use tornado_shared::model::{DeviceId, FamilyId, UnixSeconds, UserId};

/// `iss` of every token; the original's value, kept for its clients.
pub const ISSUER: &str = "tornado-vpn.local";
/// `aud` of every token; the original's value, kept for its clients.
pub const AUDIENCE: &str = "tornado-vpn-users";

/// Purpose of a token; claim `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Grants access to the device API; lifetime 15 minutes by default.
    Access,
    /// Can be exchanged once for a new pair.
    Refresh,
}

/// Claims of both kinds of token (RFC 7519). Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// [`ISSUER`].
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// The account.
    pub sub: UserId,
    /// The device.
    pub device_id: DeviceId,
    /// The token family that this token belongs to.
    pub fam: FamilyId,
    /// Issued at.
    pub iat: UnixSeconds,
    /// Not before.
    pub nbf: UnixSeconds,
    /// Expires at.
    pub exp: UnixSeconds,
    /// Unique id of this token.
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
    /// Purpose of its tokens. Tokens signed with a refresh key never grant access to the API.
    pub kind: TokenKind,
    /// Ed25519 public key, raw 32 bytes, base64url without padding (RFC 8037 `x`).
    pub x: String,
}

/// Reason for rejecting a token. The texts are the stable codes of the device API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TokenError {
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// Not issued by this server, of another kind, or altered.
    #[error("the token is not valid")]
    Invalid,
    /// Signed with an unknown key; the caller fetches the keys again.
    #[error("the token was signed with an unknown key")]
    UnknownKey,
}

/// Verifies tokens of one kind against a set of public keys.
#[derive(Clone)]
pub struct Verifier {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
    kind: TokenKind,
}

impl Verifier {
    /// A verifier for tokens of `kind`. Ignores keys of the other kind and keys that do not parse.
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

    /// Checks signature, issuer, audience, kind and times at `now`, with a leeway of 5 seconds. Accepts a token issued
    /// up to a day in the future: the signature is valid, so the server's clock was set back, and that must not end
    /// logins.
    ///
    /// # Errors
    /// [`TokenError::Expired`], also for an expired token whose key is no longer known; [`TokenError::UnknownKey`] for
    /// any other unknown key; otherwise [`TokenError::Invalid`].
    pub fn verify(&self, token: &str, now: UnixSeconds) -> Result<Claims, TokenError> {
        const LEEWAY: i64 = 5;
        const SET_BACK: i64 = 86_400;
        if token.len() > 4096 {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let kid = header.kid.ok_or(TokenError::Invalid)?;
        let Some(key) = self.keys.get(&kid) else {
            // A key is removed once the last token that it signed has expired. A device that was offline until then
            // holds an expired token, not an invalid one, and must refresh it. A forged token gains nothing from this
            // response.
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
