//! What a change and a step of a sign-in return.

use super::{CSRF, NOW};
use axum::http::HeaderValue;
use std::sync::atomic::{AtomicBool, Ordering};
use tornado_admin_ui::model::act::{Act, FactorOffer, Hidden, Invitation, Outcome, Refusal};
use tornado_admin_ui::source::{Entered, Entry, NotEntered};

/// The operator's password.
const PASSWORD: &str = "correct horse";

/// An image in the place of a QR code.
const QR: &str = "<svg viewBox=\"0 0 3 3\"><path d=\"M0 0h1v1h-1zM2 1h1v2h-2v-1h1z\"></path></svg>";

fn refusal(code: &str, field: &str, detail: &str) -> Refusal {
    Refusal { code: code.into(), detail: detail.into(), field: Some(field.into()) }
}

/// The outcome of a change.
pub fn act(csrf: &str, act: Act, is_confirmed: &AtomicBool) -> Result<Outcome, Refusal> {
    if csrf != CSRF {
        return Err(Refusal { code: "csrf".into(), detail: String::new(), field: None });
    }
    match act {
        Act::RotateKeys | Act::RemoveOperator { .. } if !is_confirmed.load(Ordering::Relaxed) => {
            Err(refusal("confirmation_required", "", ""))
        }
        Act::ConfirmSignIn { password } if password.expose() == PASSWORD => {
            is_confirmed.store(true, Ordering::Relaxed);
            Ok(Outcome::Done)
        }
        Act::ConfirmSignIn { .. } => Err(refusal("invalid_credentials", "password", "")),
        Act::CreateInvitation { .. } => Ok(Outcome::Invited(Invitation {
            link: Hidden::new("tornado://vpn.example.net/?i=invented"),
            qr: Some(Hidden::new(QR)),
            expires_at: NOW + 7 * 86_400,
        })),
        Act::CreateUser { name, .. } if name == "demo-heron" => Err(refusal("name_taken", "username", "")),
        Act::CheckKeys => Ok(Outcome::Checked { files: 16, problems: Vec::new() }),
        Act::VerifyAudit => Ok(Outcome::Verified { rows: 4812, broken: None }),
        Act::ProbeTor => Ok(Outcome::Probed { is_ok: true, took_ms: 412, detail: "se".into() }),
        Act::RemoveOperator { name } if name == "ops-amelia" => {
            Err(Refusal { code: "last_owner".into(), detail: String::new(), field: None })
        }
        Act::DeleteLogs { .. } if !is_confirmed.load(Ordering::Relaxed) => {
            Err(refusal("confirmation_required", "", ""))
        }
        Act::DeleteLogs { .. } => Ok(Outcome::Deleted(1204)),
        Act::ControlUnit { unit, .. } if unit == "unbound.service" => Err(Refusal {
            code: "started_too_often".into(),
            detail: "unit 'unbound.service' was started three times within ten minutes; try again in 412 s".into(),
            field: None,
        }),
        Act::CloseSession { .. }
        | Act::ControlUnit { .. }
        | Act::CreateUser { .. }
        | Act::UpdateUser { .. }
        | Act::RevokeUser { .. }
        | Act::DeleteUser { .. }
        | Act::RemoveDevice { .. }
        | Act::OrderTor(_)
        | Act::RenewTorIdentity
        | Act::ControlService { .. }
        | Act::RotateKeys
        | Act::RemoveOperator { .. }
        | Act::PutOperator { .. }
        | Act::RevokeSignIn { .. }
        | Act::ConfirmByPasskey(_)
        | Act::EndFactor { .. }
        | Act::AddPasskey { .. }
        | Act::RemovePasskey { .. }
        | Act::RevokeToken { .. }
        | Act::SaveQuery { .. }
        | Act::DeleteQuery { .. } => Ok(Outcome::Done),
        Act::PutHost { host } if host.as_deref().is_some_and(|host| host.contains(':')) => {
            Err(refusal("invalid_fields", "host", "host must not contain a port"))
        }
        Act::PutHost { .. } => Ok(Outcome::Done),
        Act::BeginFactor { password } if password.expose() != PASSWORD => {
            Err(refusal("invalid_credentials", "password", ""))
        }
        Act::BeginFactor { .. } => Ok(Outcome::Factor(FactorOffer {
            secret: Hidden::new("JBSWY3DPEHPK3PXP"),
            url: Hidden::new("otpauth://totp/Tornado:ops-amelia?secret=JBSWY3DPEHPK3PXP"),
            qr: Some(Hidden::new(QR)),
        })),
        Act::ConfirmFactor { code } if code.expose() != "123456" => Err(refusal("totp_invalid", "code", "")),
        Act::ConfirmFactor { .. } => {
            Ok(Outcome::Codes(["aaaa-bbbb", "cccc-dddd", "eeee-ffff", "gggg-hhhh"].map(Hidden::new).to_vec()))
        }
        // The answer of an authenticator needs a real server.
        Act::BeginPasskey { .. } | Act::BeginConfirmation => Err(refusal("unavailable", "", "no authenticator")),
        Act::CreateToken { .. } => {
            Ok(Outcome::Token { token: Hidden::new("tvpn_invented"), expires_at: NOW + 90 * 86_400 })
        }
    }
}

/// The outcome of a step of a sign-in.
pub fn enter(entry: Entry) -> Result<Entered, NotEntered> {
    let cookie = HeaderValue::from_static("sample=1; Path=/");
    match entry {
        Entry::Password { name, .. } if name == "ops-amelia" => {
            Ok(Entered { cookies: vec![cookie], requires_code: true })
        }
        Entry::Code(code) if code.expose() == "123456" => Ok(Entered { cookies: vec![cookie], requires_code: false }),
        Entry::Code(_) => Err(refusal("totp_invalid", "code", "").into()),
        Entry::Password { .. } | Entry::SetUp { .. } => {
            Err(NotEntered { why: refusal("invalid_credentials", "password", ""), attempts_left: Some(4) })
        }
    }
}
