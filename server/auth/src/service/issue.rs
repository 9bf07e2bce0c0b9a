//! Exported devices created by an operator, which never log in themselves.

use super::access::Act;
use super::users::subject;
use super::{Service, fault};
use crate::tokens::{Holder, Lifetimes};
use data_encoding::BASE64URL_NOPAD;
use tornado_contracts::auth::users::{IssueDevice, IssuedDevice};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::v2::ExportSecret;
use tornado_shared::model::{DeviceId, FamilyId, Secret};
use tornado_store::identity::{DeviceClaim, LoginOutcome, NewLogin};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Seconds within which an issued device must connect. The caller connects it immediately.
const TO_CONNECT: i64 = 120;

impl Service {
    /// Creates a login without a password. Only root, or an operator who may change devices, can do this. The login
    /// ends like any other.
    pub(super) async fn issue(&self, input: Acting<IssueDevice>) -> Result<IssuedDevice, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::DevicesWrite).await?;
        let user = self.resolve(&input.what.user).await?;
        if !user.is_active {
            return Err(AuthError::UserInactive);
        }
        let (family, now) = (FamilyId::random(), self.clock.now());
        let export = ExportSecret::from_bytes(rand::random());
        let sealed = self.keys.at_rest.seal(family, &export, rand::random()).map_err(fault::seal)?;
        // The private half is discarded, so the device can never log in again.
        let key = IdentityKey::random().public().0.0;
        let login = NewLogin {
            new_device: DeviceId::random(),
            device: DeviceClaim::V2 { key, name: input.what.name },
            family,
            refresh_jti: Uuid::new_v4(),
            sealed_export: Some(sealed),
            now,
            expires_at: now.saturating_add(self.config.refresh_lifetime),
        };
        let target = format!("device:{}", login.new_device);
        let row = self.detailed(&actor, "device.issue", target, &[("for", subject(user.id))]);
        let device = match self.store.issue_device(user.id, &login, &row).await.map_err(fault::store)? {
            LoginOutcome::Opened(device) => device,
            LoginOutcome::UserGone => return Err(AuthError::UserInactive),
            LoginOutcome::NoDevice => return Err(AuthError::MaxDevices),
        };
        self.sign_trail().await;
        let holder = Holder { user: user.id, device, family };
        let lifetimes = self.lifetimes();
        let lifetimes = Lifetimes { access: lifetimes.access.min(TO_CONNECT), ..lifetimes };
        let tokens = self.keys.tokens().write(holder, login.refresh_jti, now, lifetimes);
        let tokens = tokens.map_err(|_| fault::internal("cannot sign a token"))?;
        let export = Zeroizing::new(BASE64URL_NOPAD.encode(export.expose()));
        Ok(IssuedDevice {
            username: user.username,
            device_id: device,
            access_token: tokens.access_token,
            export: Secret::new(export.as_str()),
        })
    }
}
