//! Exported devices: each has its own login and is handed out as one configuration file.
//!
//! The key pair is generated here, and the private key leaves only in the file. The login's tokens are discarded: an
//! exported device never refreshes them, and the server tracks the device by its handshakes.

use crate::engine::Engine;
use crate::publish::unix_now;
use crate::reach::{reach, translate};
use tornado_client::{DeviceApi, DeviceIdentity, Error as ApiError, Proof, Welcome};
use tornado_helper_api::{Export, Exported, HelperError};
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::model::PrivateKey;

/// Removes a device, with its login, after a later step of its creation failed. If the server is unreachable, the login
/// expires.
pub(crate) async fn take_back(api: &DeviceApi, welcome: &Welcome) {
    let tokens = &welcome.payload.tokens;
    if let Err(error) = api.remove_device(&tokens.access_token, welcome.payload.device_id).await {
        tracing::debug!(%error, "cannot remove the incomplete device");
        drop(api.logout(&tokens.refresh_token).await);
    }
}

impl Engine {
    /// Creates an exported device. It requires the password because the device stays valid after this one logs out.
    pub(crate) async fn make_export(&self, input: Export) -> Result<Exported, HelperError> {
        let mut inner = self.inner.lock().await;
        if let Some(reason) = &inner.broken {
            return Err(HelperError::Blocked(reason.clone()));
        }
        let account = inner.account.clone().ok_or(HelperError::NotEnrolled)?;
        let addresses = account.addresses().map_err(|e| HelperError::Internal(e.to_string()))?;
        let server = reach(&mut inner.resolver, &addresses, account.identity, Some(account.tls)).await?;
        let api = server.api;
        // The identity key is discarded at once: no later login uses it.
        let device = DeviceIdentity::new(&IdentityKey::random(), input.device_name.clone());
        let proof = Proof { password: &input.password, totp: input.totp.as_ref() };
        let welcome = api.login(&device, &account.username, proof, unix_now()).await;
        let welcome = welcome.map_err(|e| translate(&e))?;
        let key = PrivateKey::random();
        let exported = match api.export(&welcome.payload.tokens.access_token, key.public_key()).await {
            // This login can derive preshared keys, so a server that reports none weakens the tunnel.
            Ok(connection) if !connection.preshared => Err(ApiError::Downgrade("a tunnel without preshared keys")),
            other => other,
        };
        let connection = match exported {
            Ok(connection) => connection,
            Err(error) => {
                take_back(&api, &welcome).await;
                return Err(translate(&error));
            }
        };
        let preshared = welcome.export.preshared_key(input.lane, &key.public_key());
        let offer = connection.on(input.lane);
        let config = tornado_client::wg_quick(&input.device_name, offer, &key, Some(&preshared));
        Ok(Exported { device_id: welcome.payload.device_id, device_name: input.device_name, lane: input.lane, config })
    }
}
