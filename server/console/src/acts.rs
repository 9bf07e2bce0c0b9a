//! Changes: each is one method of the API.

use tornado_admin_api::types::*;
use tornado_admin_api::{AdminApi, AdminError, AdminResult, qr};
use tornado_admin_ui::model::act::{
    self, Act, Answer, Challenge, FactorOffer, Hidden, Invitation, Outcome, UserChange,
};
use tornado_shared::model::Secret;
use uuid::Uuid;

/// Bits of a byte: pages count rates in bits, the API in bytes.
const BITS: u64 = 8;
/// Microseconds of a second: the unit of times in the archive of log lines.
const MICROS: i64 = 1_000_000;

fn secret(hidden: &Hidden) -> Secret {
    Secret::new(hidden.expose())
}

fn id(text: &str) -> AdminResult<Uuid> {
    text.parse().map_err(|_| AdminError::new(404, "not_found", "it does not exist"))
}

const fn service_action(action: act::ServiceAction) -> ServiceAction {
    match action {
        act::ServiceAction::Start => ServiceAction::Start,
        act::ServiceAction::Stop => ServiceAction::Stop,
        act::ServiceAction::Restart => ServiceAction::Restart,
    }
}

fn done<T>(_: T) -> Outcome {
    Outcome::Done
}

/// Carries out a change.
///
/// # Errors
///
/// Those of the API's method.
pub async fn run(api: &dyn AdminApi, act: Act) -> AdminResult<Outcome> {
    match act {
        Act::CloseSession { device_id } => api.close_session(ByDevice { device_id: id(&device_id)? }).await.map(done),
        Act::CreateInvitation { user, max_devices, days } => {
            let input = CreateInvitation {
                max_devices: user.is_none().then_some(max_devices),
                username: user,
                lifetime: Some(i64::from(days) * 86_400),
                host: None,
            };
            api.create_invitation(input).await.map(|view| {
                Outcome::Invited(Invitation {
                    link: Hidden::new(view.link.expose()),
                    qr: view.qr_svg.map(Hidden::new),
                    expires_at: view.expires_at,
                })
            })
        }
        Act::CreateUser { name, email, password, max_devices } => {
            let input = CreateUser { username: name, email, password: secret(&password), max_devices };
            api.create_user(input).await.map(done)
        }
        Act::UpdateUser { user, change } => api.update_user(update(user, &change)).await.map(done),
        Act::RevokeUser { user } => api.revoke_user(ByUser { user }).await.map(done),
        Act::DeleteUser { user } => api.delete_user(ByUser { user }).await.map(done),
        Act::RemoveDevice { device_id } => api.remove_device(ByDevice { device_id: id(&device_id)? }).await.map(done),
        Act::OrderTor(order) => {
            let order = match order {
                act::TorOrder::Start => TorOrder::Start,
                act::TorOrder::Stop => TorOrder::Stop,
                act::TorOrder::Up => TorOrder::Up,
                act::TorOrder::Down => TorOrder::Down,
            };
            api.order_tor(TorOrderInput { order }).await.map(done)
        }
        Act::RenewTorIdentity => api.renew_tor_identity(NoInput {}).await.map(done),
        Act::ProbeTor => api.probe_tor(NoInput {}).await.map(|probe| Outcome::Probed {
            is_ok: probe.ok,
            took_ms: probe.took_ms,
            detail: if probe.ok { probe.country } else { probe.error }.unwrap_or_default(),
        }),
        Act::ControlService { service, action } => {
            api.control_service(ControlService { service, action: service_action(action) }).await.map(done)
        }
        Act::RotateKeys => api.rotate_keys(NoInput {}).await.map(done),
        Act::CheckKeys => {
            let check = api.check_keys(NoInput {}).await;
            check.map(|check| Outcome::Checked { files: check.files, problems: check.problems })
        }
        Act::VerifyAudit => api.verify_audit(NoInput {}).await.map(|verdict| Outcome::Verified {
            rows: u64::try_from(verdict.rows).unwrap_or(0),
            broken: verdict.broken_seq.map(|seq| u64::try_from(seq).unwrap_or(0)),
        }),
        Act::PutOperator { name, password, role, forget_factor } => {
            let role = role.map(crate::overview::api_role);
            let password = password.as_ref().map(secret);
            api.put_operator(PutOperator { name, password, role, forget_totp: forget_factor }).await.map(done)
        }
        Act::RemoveOperator { name } => api.remove_operator(ByName { name }).await.map(done),
        Act::RevokeSignIn { id: sign_in } => api.revoke_sign_in(ById { id: id(&sign_in)? }).await.map(done),
        Act::ConfirmSignIn { password } => api.confirm_sign_in(confirmed(&password)).await.map(done),
        Act::BeginConfirmation => api.begin_passkey_confirmation(NoInput {}).await.map(challenge),
        Act::ConfirmByPasskey(answer) => {
            let (id, credential) = answered(&answer)?;
            api.confirm_by_passkey(PasskeyAnswer { id, credential }).await.map(done)
        }
        Act::BeginFactor { password } => api.begin_totp(confirmed(&password)).await.map(|offer| {
            Outcome::Factor(FactorOffer {
                qr: qr::svg(offer.url.expose(), "The second factor as a QR code").map(Hidden::new),
                secret: Hidden::new(offer.secret.expose()),
                url: Hidden::new(offer.url.expose()),
            })
        }),
        Act::ConfirmFactor { code } => {
            let codes = api.confirm_totp(TotpCode { code: secret(&code) }).await;
            codes.map(|codes| Outcome::Codes(codes.codes.iter().map(|code| Hidden::new(code.expose())).collect()))
        }
        Act::EndFactor { password } => api.end_totp(confirmed(&password)).await.map(done),
        Act::BeginPasskey { password } => api.begin_passkey(confirmed(&password)).await.map(challenge),
        Act::AddPasskey { name, answer } => {
            let (id, credential) = answered(&answer)?;
            api.confirm_passkey(NewPasskey { id, name, credential }).await.map(done)
        }
        Act::RemovePasskey { id: passkey, password } => {
            let input = RemovePasskey { id: id(&passkey)?, password: secret(&password) };
            api.remove_passkey(input).await.map(done)
        }
        Act::CreateToken { name, scopes, days } => {
            let lifetime = Some(i64::from(days) * 86_400);
            let created = api.create_api_token(CreateApiToken { name, scopes, lifetime }).await;
            created.map(|created| Outcome::Token {
                token: Hidden::new(created.token.expose()),
                expires_at: created.expires_at,
            })
        }
        Act::RevokeToken { id: token } => api.revoke_api_token(ById { id: id(&token)? }).await.map(done),
        Act::SaveQuery { name, text } => {
            api.save_query(SavedQuery { name, description: String::new(), text }).await.map(done)
        }
        Act::DeleteQuery { name } => api.delete_query(ByName { name }).await.map(done),
        Act::DeleteLogs { text, from, until } => {
            let (from, until) = (Some(from.saturating_mul(MICROS)), Some(until.saturating_mul(MICROS)));
            let what = DeleteLogs { text, from, until, ids: None, dry_run: false };
            api.delete_logs(what).await.map(|deleted| Outcome::Deleted(deleted.lines))
        }
        Act::ControlUnit { unit, action } => {
            api.control_os_service(ControlOsService { unit, action: service_action(action) }).await.map(done)
        }
        Act::PutHost { host } => {
            api.put_setting(PutSetting { name: "server.host".to_owned(), value: host }).await.map(done)
        }
    }
}

fn confirmed(password: &Hidden) -> ConfirmPassword {
    ConfirmPassword { password: secret(password) }
}

fn challenge(view: PasskeyChallenge) -> Outcome {
    Outcome::Challenge(Challenge { id: view.id.to_string(), options: view.options.to_string() })
}

/// The challenge and the credential of an answer.
fn answered(answer: &Answer) -> AdminResult<(Uuid, serde_json::Value)> {
    let credential = serde_json::from_str(&answer.credential);
    let credential = credential.map_err(|_| AdminError::invalid("the credential is not valid JSON"))?;
    Ok((id(&answer.id)?, credential))
}

fn update(user: String, change: &UserChange) -> UpdateUser {
    UpdateUser {
        user,
        username: None,
        email: change.email.clone(),
        max_devices: change.max_devices,
        month_quota: change.quota,
        download_rate: change.max_down.map(|bits| bits / BITS),
        upload_rate: change.max_up.map(|bits| bits / BITS),
        peer_group: change.peer_group,
        password: change.password.as_ref().map(secret),
        active: change.is_active,
        forget_totp: change.forget_factor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leaves_absent_fields_as_they_are() {
        let change = UserChange { max_down: Some(50_000_000), ..UserChange::default() };
        let input = update("demo-heron".into(), &change);
        assert_eq!((input.download_rate, input.upload_rate, input.active), (Some(6_250_000), None, None));
    }
}
