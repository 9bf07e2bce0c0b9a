//! The owner's actions, as forwarded by the device API. The token and the device id select the response.

use super::fakes::{DEVICE, FakeAuth, USER};
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::users::{
    ChangePassword, DeviceInfo, DeviceRef, Nothing, OwnAct, OwnPassword, TotpCode, UpdateOwn,
};
use tornado_contracts::token::TokenError;
use tornado_e2e_support::UsersCalls;
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::Secret;

fn good<T>(input: &OwnAct<T>) -> Result<(), AuthError> {
    if input.access_token.expose() == "good" { Ok(()) } else { Err(AuthError::Token(TokenError::Invalid)) }
}

#[async_trait::async_trait]
impl UsersCalls for FakeAuth {
    async fn update_own(&self, input: OwnAct<UpdateOwn>) -> Result<Done, AuthError> {
        good(&input).map(|()| Done {})
    }
    async fn change_own_password(&self, input: OwnAct<ChangePassword>) -> Result<Done, AuthError> {
        good(&input)?;
        match input.what.current.expose() {
            "right" => Ok(Done {}),
            "many" => Err(AuthError::TooManyAttempts { retry_after: 900 }),
            _ => Err(AuthError::InvalidCredentials),
        }
    }
    async fn own_devices(&self, input: OwnAct<Nothing>) -> Result<Vec<DeviceInfo>, AuthError> {
        good(&input)?;
        Ok(vec![DeviceInfo {
            id: DEVICE,
            user_id: USER,
            name: "laptop".parse().unwrap(),
            has_key: true,
            logged_in: true,
            created_at: 1,
            last_login_at: 2,
        }])
    }
    async fn remove_own_device(&self, input: OwnAct<DeviceRef>) -> Result<Done, AuthError> {
        good(&input)?;
        if input.what.device_id == DEVICE { Ok(Done {}) } else { Err(AuthError::NotFound("device".into())) }
    }
    async fn begin_own_totp(&self, input: OwnAct<OwnPassword>) -> Result<TotpOffer, AuthError> {
        good(&input)?;
        Ok(TotpOffer { secret: Secret::new("ABC"), url: Secret::new("otpauth://totp/x") })
    }
    async fn confirm_own_totp(&self, input: OwnAct<TotpCode>) -> Result<RecoveryCodes, AuthError> {
        good(&input)?;
        if input.what.code.expose() == "123456" {
            return Ok(RecoveryCodes { codes: vec![Secret::new("ONE")] });
        }
        Err(AuthError::TotpInvalid)
    }
    async fn end_own_totp(&self, input: OwnAct<OwnPassword>) -> Result<Done, AuthError> {
        good(&input).map(|()| Done {})
    }
}
