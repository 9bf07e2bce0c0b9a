//! The routes that follow from the list of methods.

use super::answer::{answer, refuse};
use super::entry::{begin_passkey, by_passkey, set_up, sign_in, sign_out};
use super::frame::frame;
use super::streams::{back_up, events, export_audit, export_logs, live_metrics, tail_logs};
use super::{Http, openapi};
use crate::api::Services;
use crate::config::Config;
use crate::events::Hub;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodFilter, get, on, post};
use std::sync::Arc;
use tornado_admin_api::types::*;
use tornado_admin_api::{
    AdminApi as _, AdminError, BACK_UP, BASE, Cost, EVENTS, EXPORT_AUDIT, EXPORT_LOGS, LIVE_METRICS, Method, OPENAPI,
    TAIL_LOGS, Verb, admin_methods,
};

/// All routes of the API.
pub fn router(services: Arc<Services>, hub: Arc<Hub>, config: Config) -> Router {
    router_of(Http::new(services, hub, config))
}

/// All routes of the API, with given limits.
pub fn router_of(http: Http) -> Router {
    let routes = methods(Router::new())
        .route("/sign-in", post(sign_in))
        .route("/sign-in/passkey/begin", post(begin_passkey))
        .route("/sign-in/passkey", post(by_passkey))
        .route("/setup", post(set_up))
        .route(BACK_UP.path, post(back_up))
        .route(EVENTS.path, get(events))
        .route(TAIL_LOGS.path, get(tail_logs))
        .route(EXPORT_LOGS.path, get(export_logs))
        .route(EXPORT_AUDIT.path, get(export_audit))
        .route(LIVE_METRICS.path, get(live_metrics))
        .route(OPENAPI.path, get(openapi::document))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed);
    Router::new().nest(BASE, routes).layer(middleware::from_fn_with_state(http.clone(), frame)).with_state(http)
}

async fn not_found() -> Response {
    refuse(&AdminError::new(404, "not_found", "this route does not exist; see /api/v1/openapi.json"))
}

async fn not_allowed() -> Response {
    refuse(&AdminError::new(405, "method_not_allowed", "this route does not have the method; see /api/v1/openapi.json"))
}

macro_rules! routes {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident($input:ty) -> $output:ty = $verb:ident $path:literal, right $right:literal, $cost:ident;
    )+) => {
        fn methods(router: Router<Http>) -> Router<Http> {
            let mut router = router;
            $({
                static METHOD: Method = Method {
                    name: stringify!($name),
                    verb: Verb::$verb,
                    path: $path,
                    summary: "",
                    right: $right,
                    cost: Cost::$cost,
                };
                let call = |State(http): State<Http>, request: Request| {
                    answer(http, &METHOD, request, |api, input: $input| async move { api.$name(input).await })
                };
                // Its route also removes the cookie.
                router = if METHOD.name == "sign_out" {
                    router.route($path, post(sign_out))
                } else {
                    router.route($path, on(MethodFilter::$verb, call))
                };
            })+
            router
        }
    };
}
admin_methods!(routes);
