//! The device API: requests from devices, and responses to the client.

use crate::json::{all_stable, stable as read};
use crate::request;
use crate::runtime::wait;
use std::cell::OnceCell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tornado_client::{Connection, wg_quick};
use tornado_client_api::{Api, Config, Wiring};
use tornado_contracts::auth::AuthClient;
use tornado_contracts::auth::users::UsersClient;
use tornado_contracts::session::SessionsClient;
use tornado_contracts::wg::WgClient;
use tornado_rpc::Channel;
use tornado_shared::api as wire;
use tornado_shared::model::{DeviceName, Lane, PrivateKey};
use tornado_shared::problem::Problem;

thread_local! {
    static ROUTER: OnceCell<axum::Router> = const { OnceCell::new() };
}

/// The whole router, without services behind it.
fn router() -> axum::Router {
    let channel = || Channel::new("/nonexistent/tornado.sock");
    let config = Config { anonymous_per_minute: u32::MAX, ..Config::default() };
    let wiring = Wiring { host: Some("vpn.example.org".into()), ..Wiring::default() };
    let api = Api::new(
        Arc::new(AuthClient::new(channel())),
        Arc::new(UsersClient::new(channel())),
        Arc::new(SessionsClient::new(channel())),
        Arc::new(WgClient::new(channel())),
        &config,
        wiring,
    );
    tornado_client_api::fuzzing::router(api, IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// A request after TLS. The response must be complete, must not be an internal error, and must give the reason in JSON.
pub fn request(bytes: &[u8]) {
    let Some(request) = request::read(bytes) else { return };
    let is_head = request.method() == http::Method::HEAD;
    let answer = wait(async {
        let router = ROUTER.with(|cell| cell.get_or_init(router).clone());
        request::answer(router, request).await
    });
    let status = answer.status();
    // The one exception, which the original's clients know as status 500: the session service is unavailable, as it
    // always is here.
    let is_known =
        [&br#"{"detail":"session_service_unavailable"}"#[..], br#"{"detail":"session_service_unreachable"}"#]
            .contains(&answer.body().as_ref());
    assert!(status.as_u16() != 500 || is_known, "{}", String::from_utf8_lossy(answer.body()));
    let headers = answer.headers();
    assert_eq!(headers.get("cache-control").map(|value| value.as_bytes()), Some(b"no-store".as_slice()));
    let id = headers.get("x-request-id").map(|value| value.as_bytes()).unwrap_or_default();
    assert!((1..=64).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-'));
    if (status.is_client_error() || status.is_server_error()) && !is_head {
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        // The original reports invalid fields as a list of reasons.
        let detail = body.get("detail").unwrap_or_default();
        let reasons = detail.as_array().into_iter().flatten().filter(|reason| reason["msg"].is_string());
        assert!(detail.is_string() || status == 422 && reasons.count() > 0, "{status} without a reason: {detail}");
    }
}

/// A body as each request type, and as the content of a login envelope.
pub fn body(bytes: &[u8]) {
    all_stable!(
        bytes,
        [
            wire::LoginBody,
            wire::LoginPayload,
            wire::EnrollPayload,
            wire::Refresh,
            wire::Initiate,
            wire::UpdateMe,
            wire::NewPassword,
            wire::PasswordAgain,
            wire::FirstCode,
            wire::ChooseExit,
        ]
    );
}

/// A response as each type that the client reads. A value that passes the client's checks must be usable: a lane
/// becomes a WireGuard configuration without foreign lines.
pub fn answer(bytes: &[u8]) {
    all_stable!(
        bytes,
        [
            wire::LoginReply,
            wire::WelcomePayload,
            wire::Tokens,
            wire::Profile,
            wire::Lanes,
            wire::TorView,
            wire::OwnDevices,
            wire::OwnUsage,
            wire::OwnSessions,
            wire::RecoveryCodes,
            wire::TotpOffer,
            wire::HeartbeatStatus,
            wire::Disconnected,
            Problem,
        ]
    );
    if let Some(info) = read::<wire::ServerInfo>(bytes) {
        let (not_before, expires_at) = (info.login_key.statement.not_before, info.login_key.statement.expires_at);
        if info.login_key.verify(&info.identity, info.now).is_ok() {
            assert!(not_before <= info.now.saturating_add(120) && expires_at > info.now.saturating_sub(120));
        }
    }
    let Some(initiated) = read::<wire::Initiated>(bytes) else { return };
    let Ok(connection) = Connection::try_from(initiated) else { return };
    let Ok(name) = "a phone".parse::<DeviceName>() else { return };
    for lane in Lane::ALL {
        let offer = connection.on(lane);
        let text = wg_quick(&name, offer, &PrivateKey::from_bytes([1; 32]), None);
        let lines = 11 + usize::from(!offer.resolvers().is_empty());
        assert_eq!(text.expose().lines().count(), lines, "{}", text.expose());
        assert!(text.expose().bytes().all(|byte| byte == b'\n' || (b' '..0x7f).contains(&byte)));
        assert!((1280..=9000).contains(&offer.mtu) && offer.endpoint.port != 0);
    }
}
