//! The server's public statement.

use crate::fault;
use crate::keys::Keys;
use data_encoding::{BASE64, HEXLOWER};
use std::sync::Arc;
use tornado_contracts::auth::{AttestTls, AuthError};
use tornado_rpc::Done;
use tornado_runtime::clock::Clock;
use tornado_shared::api::{ServerInfo, TlsAttestation};
use tornado_shared::crypto::identity::{Fingerprint, tls_statement};
use tornado_store::identity::IdentityStore;

/// Identity, login keys and certificate.
pub struct Statement {
    store: Arc<dyn IdentityStore>,
    keys: Arc<Keys>,
    clock: Clock,
}

impl Statement {
    pub fn new(store: Arc<dyn IdentityStore>, keys: Arc<Keys>, clock: Clock) -> Self {
        Self { store, keys, clock }
    }

    pub async fn server_info(&self) -> Result<ServerInfo, AuthError> {
        let (login, now) = (self.keys.login(), self.clock.now());
        let none = || fault::internal("the server does not have a login key");
        let tls = self.store.tls().await.map_err(fault::store)?;
        let attest = |spki_sha256: String| TlsAttestation {
            signature: self.keys.identity().sign(&tls_statement(&spki_sha256)),
            spki_sha256,
        };
        Ok(ServerInfo {
            identity: self.keys.identity().public(),
            login_key: login.newest_v2(now).ok_or_else(none)?.signed().clone(),
            pubkey: BASE64.encode(&login.newest_v1(now).ok_or_else(none)?.public()),
            tls: tls.map(attest),
            now,
        })
    }

    pub async fn attest_tls(&self, input: &AttestTls) -> Result<Done, AuthError> {
        if tls_fingerprint(&input.spki_sha256).is_none() {
            let detail = "spki_sha256 must be 64 lower-case hexadecimal digits";
            return Err(AuthError::InvalidFields(detail.into()));
        }
        self.store.attest_tls(&input.spki_sha256, self.clock.now()).await.map_err(fault::store)?;
        Ok(Done {})
    }

    /// Fingerprints of the identity and of the certificate, for invitations.
    pub(super) async fn fingerprints(&self) -> Result<(Fingerprint, Option<Fingerprint>), AuthError> {
        let stored = self.store.tls().await.map_err(fault::store)?;
        let tls = stored.and_then(|hex| tls_fingerprint(&hex));
        Ok((self.keys.identity().public().fingerprint(), tls))
    }
}

fn tls_fingerprint(hex: &str) -> Option<Fingerprint> {
    HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok().map(Fingerprint)
}
