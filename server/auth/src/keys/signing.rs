//! Issuing and verifying tokens (JWT, RFC 7519; EdDSA, RFC 8037).

use super::error::KeysError;
use super::rotation::current;
use super::stored::SigningKeyFile;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use std::fmt;
use tornado_contracts::auth::AuthError;
use tornado_contracts::token::{AUDIENCE, Claims, ISSUER, TokenError, TokenKind, Verifier, VerifyingKey};
use tornado_rpc::Fault;
use tornado_shared::api::Tokens;
use tornado_shared::model::{DeviceId, FamilyId, Secret, UnixSeconds, UserId};
use uuid::Uuid;

/// The holder of a token pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// The token family.
    pub family: FamilyId,
}

/// Signs with the current key and verifies with all keys.
pub struct TokenKeys {
    stored: Vec<SigningKeyFile>,
    public: Vec<VerifyingKey>,
    verify_access: Verifier,
    verify_refresh: Verifier,
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKeys").field("public", &self.public).finish_non_exhaustive()
    }
}

/// Lifetimes of a pair, seconds.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// Of the access token.
    pub access: i64,
    /// Of the refresh token.
    pub refresh: i64,
}

impl TokenKeys {
    /// From the stored keys.
    ///
    /// # Errors
    /// A kind of token has no key.
    pub fn new(stored: Vec<SigningKeyFile>) -> Result<Self, KeysError> {
        for kind in [TokenKind::Access, TokenKind::Refresh] {
            if !stored.iter().any(|key| key.kind == kind) {
                return Err(KeysError::Missing("a signing key"));
            }
        }
        let public: Vec<_> = stored.iter().map(public_half).collect();
        Ok(Self {
            verify_access: Verifier::new(&public, TokenKind::Access),
            verify_refresh: Verifier::new(&public, TokenKind::Refresh),
            public,
            stored,
        })
    }

    /// The key files.
    pub fn stored(&self) -> &[SigningKeyFile] {
        &self.stored
    }

    /// The public halves.
    pub fn public(&self) -> &[VerifyingKey] {
        &self.public
    }

    /// Verifies an access token.
    ///
    /// # Errors
    /// The token is expired, invalid, or signed with an unknown key.
    pub fn verify_access(&self, token: &Secret, now: UnixSeconds) -> Result<Claims, TokenError> {
        self.verify_access.verify(token.expose(), now)
    }

    /// Verifies a refresh token.
    ///
    /// # Errors
    /// The token is expired, invalid, or signed with an unknown key.
    pub fn verify_refresh(&self, token: &Secret, now: UnixSeconds) -> Result<Claims, TokenError> {
        self.verify_refresh.verify(token.expose(), now)
    }

    /// Issues a pair. `refresh_jti` is the id that the store holds as the family's current refresh token.
    ///
    /// # Errors
    /// There is no signing key, or the library failed.
    pub fn write(
        &self,
        holder: Holder,
        refresh_jti: Uuid,
        now: UnixSeconds,
        lifetimes: Lifetimes,
    ) -> Result<Tokens, SignError> {
        let access_jti = Uuid::new_v4();
        let claims = |kind, jti, lifetime: i64| Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: holder.user,
            device_id: holder.device,
            fam: holder.family,
            iat: now,
            nbf: now,
            exp: now.saturating_add(lifetime),
            jti,
            kind,
            scope: (kind == TokenKind::Access).then(|| "user".to_owned()),
        };
        let access = claims(TokenKind::Access, access_jti, lifetimes.access);
        let refresh = claims(TokenKind::Refresh, refresh_jti, lifetimes.refresh);
        Ok(Tokens {
            access_token: self.sign(TokenKind::Access, &access, now)?,
            refresh_token: self.sign(TokenKind::Refresh, &refresh, now)?,
            access_jti,
            refresh_jti,
            device_id: holder.device,
            expires_in: lifetimes.access,
        })
    }

    fn sign(&self, kind: TokenKind, claims: &Claims, now: UnixSeconds) -> Result<Secret, SignError> {
        sign(current(&self.stored, kind, now).ok_or(SignError::NoKey)?, claims)
    }
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// There is no usable key.
    #[error("no signing key is available")]
    NoKey,
    /// The library failed.
    #[error("cannot sign a token: {0}")]
    Library(#[from] jsonwebtoken::errors::Error),
}

impl From<SignError> for AuthError {
    fn from(_: SignError) -> Self {
        Self::Fault(Fault::Internal("cannot sign a token".into()))
    }
}

/// Signs a token with one key.
pub fn sign(key: &SigningKeyFile, claims: &Claims) -> Result<Secret, SignError> {
    let der = SigningKey::from_bytes(&key.ed25519_seed.0).to_pkcs8_der().map_err(|_| SignError::NoKey)?;
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(key.kid.clone());
    Ok(jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(der.as_bytes())).map(Secret::new)?)
}

pub fn public_half(stored: &SigningKeyFile) -> VerifyingKey {
    let public = SigningKey::from_bytes(&stored.ed25519_seed.0).verifying_key();
    VerifyingKey { kid: stored.kid.clone(), kind: stored.kind, x: BASE64URL_NOPAD.encode(public.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = 1_800_000_000;
    const LIFETIMES: Lifetimes = Lifetimes { access: 900, refresh: 604_800 };

    fn keys() -> TokenKeys {
        let make = |kind, at| SigningKeyFile::random(kind, at, 0, 900);
        TokenKeys::new(vec![make(TokenKind::Access, 1), make(TokenKind::Access, 2), make(TokenKind::Refresh, 1)])
            .unwrap()
    }

    fn holder() -> Holder {
        Holder { user: UserId::random(), device: DeviceId::random(), family: FamilyId::random() }
    }

    #[test]
    fn each_kind_of_token_is_accepted_only_as_itself() {
        let (keys, holder) = (keys(), holder());
        let pair = keys.write(holder, Uuid::new_v4(), NOW, LIFETIMES).unwrap();
        let claims = keys.verify_access(&pair.access_token, NOW).unwrap();
        assert_eq!((claims.sub, claims.device_id, claims.fam), (holder.user, holder.device, holder.family));
        assert_eq!(claims.scope.as_deref(), Some("user"));
        assert_eq!(keys.verify_refresh(&pair.refresh_token, NOW).unwrap().jti, pair.refresh_jti);
        assert!(keys.verify_access(&pair.refresh_token, NOW).is_err());
        assert!(keys.verify_refresh(&pair.access_token, NOW).is_err());
    }

    #[test]
    fn tokens_are_valid_within_their_times() {
        let keys = keys();
        let pair = keys.write(holder(), Uuid::new_v4(), NOW, LIFETIMES).unwrap();
        assert_eq!(keys.verify_access(&pair.access_token, NOW + 1000), Err(TokenError::Expired));
        // A clock that was set back does not end a login. A token from further in the future was not issued here.
        assert!(keys.verify_access(&pair.access_token, NOW - 3_600).is_ok());
        assert_eq!(keys.verify_access(&pair.access_token, NOW - 2 * 86_400), Err(TokenError::Invalid));
        assert!(keys.verify_refresh(&pair.refresh_token, NOW + 604_000).is_ok());
    }

    #[test]
    fn another_servers_tokens_and_altered_ones_are_refused() {
        let pair = keys().write(holder(), Uuid::new_v4(), NOW, LIFETIMES).unwrap();
        let ours = keys();
        assert_eq!(ours.verify_access(&pair.access_token, NOW), Err(TokenError::UnknownKey));
        // Indistinguishable from a token whose key has been removed.
        assert_eq!(ours.verify_access(&pair.access_token, NOW + 1000), Err(TokenError::Expired));
        let mine = ours.write(holder(), Uuid::new_v4(), NOW, LIFETIMES).unwrap();
        let altered = mine.access_token.expose().replacen('.', ".e", 1);
        assert_eq!(ours.verify_access(&Secret::new(altered), NOW), Err(TokenError::Invalid));
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e30.";
        assert_eq!(ours.verify_access(&Secret::new(none), NOW), Err(TokenError::Invalid));
    }

    #[test]
    fn tokens_of_an_older_key_still_verify() {
        let old = SigningKeyFile::random(TokenKind::Access, 1, 0, 900);
        let refresh = SigningKeyFile::random(TokenKind::Refresh, 1, 0, 900);
        let before = TokenKeys::new(vec![old.clone(), refresh.clone()]).unwrap();
        let pair = before.write(holder(), Uuid::new_v4(), NOW, LIFETIMES).unwrap();
        let after = TokenKeys::new(vec![old, refresh, SigningKeyFile::random(TokenKind::Access, 2, 0, 900)]).unwrap();
        assert!(after.verify_access(&pair.access_token, NOW).is_ok());
    }
}
