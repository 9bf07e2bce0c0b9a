//! The server's public statement.

use super::{Service, fault};
use data_encoding::{BASE64, HEXLOWER};
use tornado_contracts::auth::AuthError;
use tornado_rpc::Done;
use tornado_shared::api::{ServerInfo, TlsAttestation};
use tornado_shared::crypto::identity::{Fingerprint, tls_statement};

impl Service {
    pub(super) async fn info(&self) -> Result<ServerInfo, AuthError> {
        let (login, now) = (self.keys.login(), self.clock.now());
        let none = || fault::internal("the server does not have a login key");
        let tls = self.store.tls().await.map_err(fault::store)?;
        let attest = |spki_sha256: String| TlsAttestation {
            signature: self.keys.identity.sign(&tls_statement(&spki_sha256)),
            spki_sha256,
        };
        Ok(ServerInfo {
            identity: self.keys.identity.public(),
            login_key: login.newest_v2(now).ok_or_else(none)?.signed().clone(),
            pubkey: BASE64.encode(&login.newest_v1(now).ok_or_else(none)?.public()),
            tls: tls.map(attest),
            now,
        })
    }

    pub(super) async fn note_tls(&self, spki_sha256: &str) -> Result<Done, AuthError> {
        if tls_fingerprint(spki_sha256).is_none() {
            let detail = "spki_sha256 must be 64 lower-case hexadecimal digits";
            return Err(AuthError::InvalidFields(detail.into()));
        }
        self.store.put_tls(spki_sha256, self.clock.now()).await.map_err(fault::store)?;
        Ok(Done {})
    }

    /// The certificate fingerprint for invitations.
    pub(super) async fn tls_of_invitations(&self) -> Result<Option<Fingerprint>, AuthError> {
        let stored = self.store.tls().await.map_err(fault::store)?;
        Ok(stored.and_then(|hex| tls_fingerprint(&hex)))
    }
}

fn tls_fingerprint(hex: &str) -> Option<Fingerprint> {
    HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok().map(Fingerprint)
}
