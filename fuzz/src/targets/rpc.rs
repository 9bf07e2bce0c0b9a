//! The service sockets: requests between services, and their responses.

use crate::json::stable;
use crate::runtime::wait;
use crate::{request, socket};
use axum::{Extension, Router};
use futures::StreamExt as _;
use http::Method;
use serde::{Serialize, de::DeserializeOwned};
use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;
use tornado_contracts::auth::AuthError;
use tornado_contracts::telemetry::{logs, metrics};
use tornado_contracts::{auth, engines, master, operator, session, telemetry, token, tor, wg};
use tornado_rpc::{Channel, Fault, NoInput, ServiceError, verb, with_unknown_methods};
use tornado_runtime::Roles;
use tornado_shared::problem::Problem;

thread_local! {
    static ROUTERS: OnceCell<Vec<Router>> = const { OnceCell::new() };
}

/// All contracts, served by clients without a service behind them, for a caller with every right.
fn routers() -> Vec<Router> {
    let channel = || Channel::new("/nonexistent/tornado.sock");
    let all = [
        auth::router(Arc::new(auth::AuthClient::new(channel())))
            .merge(auth::audit::router(Arc::new(auth::audit::AuditClient::new(channel()))))
            .merge(auth::users::router(Arc::new(auth::users::UsersClient::new(channel()))))
            .merge(auth::operators::router(Arc::new(auth::operators::OperatorsClient::new(channel()))))
            .merge(auth::api_tokens::router(Arc::new(auth::api_tokens::ApiTokensClient::new(channel()))))
            .merge(auth::passkeys::router(Arc::new(auth::passkeys::PasskeysClient::new(channel()))))
            .merge(auth::settings::router(Arc::new(auth::settings::ServerSettingsClient::new(channel()))))
            .merge(auth::keys::router(Arc::new(auth::keys::KeyRingClient::new(channel()))))
            .merge(auth::import::router(Arc::new(auth::import::ImportClient::new(channel()))))
            .merge(engines::router(Arc::new(engines::EnginesClient::new(channel())))),
        session::router(Arc::new(session::SessionsClient::new(channel())))
            .merge(operator::sessions::router(Arc::new(operator::sessions::OperatorSessionsClient::new(channel()))))
            .merge(engines::router(Arc::new(engines::EnginesClient::new(channel())))),
        wg::router(Arc::new(wg::WgClient::new(channel()))),
        tor::router(Arc::new(tor::TorClient::new(channel())))
            .merge(operator::tor::router(Arc::new(operator::tor::OperatorTorClient::new(channel())))),
        master::router(Arc::new(master::MasterClient::new(channel())))
            .merge(operator::services::router(Arc::new(operator::services::OperatorServicesClient::new(channel())))),
        logs::router(Arc::new(logs::LogsClient::new(channel())))
            .merge(metrics::router(Arc::new(metrics::MetricsClient::new(channel())))),
    ];
    let root = Roles::default().caller(0, None);
    let served = |router| with_unknown_methods(router).layer(Extension(root.clone()));
    all.into_iter().map(served).collect()
}

/// The first byte selects the service, the rest is the request. The response must be complete, give the reason, and
/// must not be an internal error.
pub fn request(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Some(request) = request::read(rest) else { return };
    let is_head = request.method() == Method::HEAD;
    let router = ROUTERS.with(|cell| {
        let all = cell.get_or_init(|| wait(async { routers() }));
        all[usize::from(*first) % all.len()].clone()
    });
    let answer = wait(request::answer(router, request));
    assert_ne!(answer.status().as_u16(), 500, "{}", String::from_utf8_lossy(answer.body()));
    if !answer.status().is_success() && !is_head {
        let problem: Result<Problem, _> = serde_json::from_slice(answer.body());
        assert!(problem.is_ok_and(|problem| problem.status == answer.status().as_u16()), "{}", answer.status());
    }
}

/// The first byte selects the request, the second the kind of response. An accepted response must be stable.
pub fn answer(bytes: &[u8]) {
    let [what, how, rest @ ..] = bytes else { return };
    match what % 16 {
        0 => call::<wg::WgStatus, wg::WgError>(*how, rest),
        1 => call::<Vec<wg::PeerStatus>, wg::WgError>(*how, rest),
        2 => call::<tor::TorStatus, tor::TorError>(*how, rest),
        3 => call::<tor::Circuits, tor::TorError>(*how, rest),
        4 => call::<Vec<session::LiveSession>, session::SessionError>(*how, rest),
        5 => call::<session::Connected, session::SessionError>(*how, rest),
        6 => call::<auth::Grant, AuthError>(*how, rest),
        7 => call::<Vec<token::VerifyingKey>, AuthError>(*how, rest),
        8 => call::<auth::users::UserPage, AuthError>(*how, rest),
        9 => call::<master::MasterStatus, Fault>(*how, rest),
        10 => events::<session::SessionEvent, session::SessionError>(*how, rest),
        12 => call::<Vec<engines::EngineStatus>, Fault>(*how, rest),
        13 => call::<auth::import::Imported, AuthError>(*how, rest),
        14 => call::<logs::LogPage, telemetry::TelemetryError>(*how, rest),
        15 => call::<Vec<metrics::Series>, telemetry::TelemetryError>(*how, rest),
        _ => events::<tor::TorEvent, tor::TorError>(*how, rest),
    }
}

fn call<O: Serialize + DeserializeOwned, E: ServiceError>(how: u8, body: &[u8]) {
    wait(async {
        let served = socket::answered(how, body);
        let channel = Channel::new(served.path());
        let call = channel.call::<_, _, O, E>(verb::GET, "/v1/x", &NoInput {}, Duration::from_secs(5));
        if let Ok(answer) = served.during(call).await {
            let text = serde_json::to_vec(&answer).unwrap_or_default();
            assert!(stable::<O>(&text).is_some(), "{} cannot be read back", std::any::type_name::<O>());
        }
    });
}

fn events<O: Serialize + DeserializeOwned + Send + 'static, E: ServiceError>(how: u8, body: &[u8]) {
    wait(async {
        let served = socket::answered(how, body);
        let channel = Channel::new(served.path());
        let read = async {
            let Ok(stream) = channel.stream::<_, O, E>("/v1/x", &NoInput {}).await else { return };
            let items: Vec<O> = stream.collect().await;
            assert!(items.len() <= body.len(), "more events than bytes");
            for item in items {
                assert!(stable::<O>(&serde_json::to_vec(&item).unwrap_or_default()).is_some());
            }
        };
        served.during(read).await;
    });
}
