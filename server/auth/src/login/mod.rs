//! Login and enrolment: envelopes, credentials, and the reply.

mod enroll;
mod envelope;
mod log_in;
mod proof;
mod reply;

use crate::core::Core;
use tornado_contracts::auth::{AuthError, OpenLogin};
use tornado_shared::api::LoginReply;
use tornado_shared::crypto::v2::Purpose;

/// Opens a login or enrolment envelope and replies in the same version.
pub async fn open_login(core: &Core, input: OpenLogin) -> Result<LoginReply, AuthError> {
    match input.purpose {
        Purpose::Login => log_in::log_in(core, &input.body, input.client_ip).await,
        Purpose::Enroll => enroll::enroll(core, &input.body, input.client_ip).await,
    }
}
