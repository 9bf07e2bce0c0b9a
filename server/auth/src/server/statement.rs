//! The server's public statement.

use crate::core::Core;
use crate::fault;
use data_encoding::{BASE64, HEXLOWER};
use tornado_contracts::auth::{AttestTls, AuthError};
use tornado_rpc::Done;
use tornado_shared::api::{ServerInfo, TlsAttestation};
use tornado_shared::crypto::identity::{Fingerprint, tls_statement};

pub async fn server_info(core: &Core) -> Result<ServerInfo, AuthError> {
    let (login, now) = (core.keys.login(), core.clock.now());
    let none = || fault::internal("the server does not have a login key");
    let tls = core.store.tls().await.map_err(fault::store)?;
    let attest = |spki_sha256: String| TlsAttestation {
        signature: core.keys.identity().sign(&tls_statement(&spki_sha256)),
        spki_sha256,
    };
    Ok(ServerInfo {
        identity: core.keys.identity().public(),
        login_key: login.newest_v2(now).ok_or_else(none)?.signed().clone(),
        pubkey: BASE64.encode(&login.newest_v1(now).ok_or_else(none)?.public()),
        tls: tls.map(attest),
        now,
    })
}

pub async fn attest_tls(core: &Core, input: &AttestTls) -> Result<Done, AuthError> {
    if tls_fingerprint(&input.spki_sha256).is_none() {
        let detail = "spki_sha256 must be 64 lower-case hexadecimal digits";
        return Err(AuthError::InvalidFields(detail.into()));
    }
    core.store.attest_tls(&input.spki_sha256, core.clock.now()).await.map_err(fault::store)?;
    Ok(Done {})
}

/// Fingerprints of the identity and of the certificate, for invitations.
pub(super) async fn fingerprints(core: &Core) -> Result<(Fingerprint, Option<Fingerprint>), AuthError> {
    let stored = core.store.tls().await.map_err(fault::store)?;
    let tls = stored.and_then(|hex| tls_fingerprint(&hex));
    Ok((core.keys.identity().public().fingerprint(), tls))
}

fn tls_fingerprint(hex: &str) -> Option<Fingerprint> {
    HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok().map(Fingerprint)
}
