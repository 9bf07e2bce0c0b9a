//! Where the pages get their content: server functions, which call the server's [`Source`].
//!
//! In the browser a call of these functions is a request with the page's cookie; on the server it is a call. Access is
//! checked by the implementation of [`Source`], never here.

#[cfg(feature = "ssr")]
use crate::model::act::Hidden;
use crate::model::act::{Act, Invitation, Outcome, Refusal};
use crate::model::audit::{self, Audit};
use crate::model::keys::Keys;
use crate::model::logs::{self, Logs};
use crate::model::overview::{Overview, Range, Service};
use crate::model::sessions::{self, SessionDetail, Sessions};
use crate::model::set_up::Reachability;
use crate::model::settings::{About, Settings};
use crate::model::tor::Tor;
use crate::model::users::{self, UserDetail, Users};
use crate::model::{Fault, Viewer};
#[cfg(feature = "ssr")]
use axum::http::HeaderValue;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;

macro_rules! reads {
    ($($(#[$doc:meta])* $name:ident / $call:ident / $endpoint:literal ($($argument:ident : $kind:ty)?) -> $model:ty;)+) => {
        /// The server's side of the console. A value belongs to one request and knows its sign-in.
        #[cfg(feature = "ssr")]
        #[async_trait::async_trait]
        pub trait Source: Send + Sync {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                ///
                /// The sign-in or role does not allow it, it does not exist, or a service does not respond.
                async fn $name(&self $(, $argument: $kind)?) -> Result<$model, Fault>;
            )+

            /// Carries out a change. `csrf` is the value that the page received with [`Viewer`].
            ///
            /// # Errors
            ///
            /// The sign-in, `csrf` or role does not allow it, a field is not valid, or a service does not respond.
            async fn act(&self, csrf: String, act: Act) -> Result<Outcome, Refusal>;

            /// Carries out a step of a sign-in.
            ///
            /// # Errors
            ///
            /// Name, password, code or link is not valid, or there were too many attempts.
            async fn enter(&self, entry: Entry) -> Result<Entered, Refusal>;

            /// Ends the sign-in, and returns the cookies that remove it from the browser.
            ///
            /// # Errors
            ///
            /// `csrf` is not that of the sign-in, or a service does not respond.
            async fn sign_out(&self, csrf: String) -> Result<Vec<HeaderValue>, Refusal>;
        }

        $(
            #[server(prefix = "/data", endpoint = $endpoint, input = Json)]
            async fn $call($($argument: $kind)?) -> Result<Result<$model, Fault>, ServerFnError> {
                let Some(source) = use_context::<std::sync::Arc<dyn Source>>() else {
                    return Ok(Err(Fault::SignedOut));
                };
                Ok(source.$name($($argument)?).await)
            }

            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// Those of the server, or the browser cannot reach it.
            pub async fn $name($($argument: $kind)?) -> Result<$model, Fault> {
                $call($($argument)?).await.unwrap_or(Err(Fault::Unreachable))
            }
        )+
    };
}

/// A step of a sign-in.
#[cfg(feature = "ssr")]
#[derive(Clone, Debug)]
pub enum Entry {
    /// Name and password.
    Password {
        /// The name.
        name: String,
        /// The password.
        password: Hidden,
    },
    /// The code of the second factor, after name and password.
    Code(Hidden),
    /// The first operator, with the token of the set-up link.
    SetUp {
        /// The token.
        token: Hidden,
        /// The name.
        name: String,
        /// The password.
        password: Hidden,
    },
}

/// What a step of a sign-in returned.
#[cfg(feature = "ssr")]
#[derive(Clone, Debug)]
pub struct Entered {
    /// Cookies for the browser.
    pub cookies: Vec<HeaderValue>,
    /// A code is required next.
    pub requires_code: bool,
}

/// The invitation that the form of this request has created, for the page that the server renders in response.
#[cfg(feature = "ssr")]
#[derive(Clone, Debug)]
pub struct Created(pub Result<Invitation, Refusal>);

#[server(prefix = "/data", endpoint = "created", input = Json)]
async fn call_created() -> Result<Option<Result<Invitation, Refusal>>, ServerFnError> {
    let created = std::future::ready(use_context::<Created>()).await;
    Ok(created.map(|Created(created)| created))
}

/// The invitation that the form of this request has created; none for a page that was opened by its address.
pub async fn created() -> Option<Result<Invitation, Refusal>> {
    call_created().await.unwrap_or_default()
}

#[server(prefix = "/data", endpoint = "act", input = Json)]
async fn call_act(csrf: String, act: Act) -> Result<Result<Outcome, Refusal>, ServerFnError> {
    let Some(source) = use_context::<std::sync::Arc<dyn Source>>() else {
        return Ok(Err(Refusal { code: "signed_out".to_owned(), detail: String::new(), field: None }));
    };
    Ok(source.act(csrf, act).await)
}

/// Carries out a change.
///
/// # Errors
///
/// Those of the server, or the browser cannot reach it.
pub async fn act(csrf: String, act: Act) -> Result<Outcome, Refusal> {
    call_act(csrf, act).await.unwrap_or_else(|_| Err(Refusal::unreachable()))
}

reads! {
    /// The signed-in operator, and what the frame shows.
    viewer / call_viewer / "viewer" () -> Viewer;
    /// The overview with its charts over the range.
    overview / call_overview / "overview" (range: Range) -> Overview;
    /// Sessions.
    sessions / call_sessions / "sessions" (query: sessions::Query) -> Sessions;
    /// One session.
    session / call_session / "session" (id: String) -> SessionDetail;
    /// Users.
    users / call_users / "users" (query: users::Query) -> Users;
    /// One user.
    user / call_user / "user" (name: String) -> UserDetail;
    /// The tor lane.
    tor / call_tor / "tor" () -> Tor;
    /// Services.
    services / call_services / "services" () -> Vec<Service>;
    /// Log lines.
    logs / call_logs / "logs" (query: logs::Query) -> Logs;
    /// Keys.
    keys / call_keys / "keys" () -> Keys;
    /// The audit trail.
    audit / call_audit / "audit" (query: audit::Query) -> Audit;
    /// How devices reach the server.
    reachability / call_reachability / "reachability" () -> Reachability;
    /// Settings.
    settings / call_settings / "settings" () -> Settings;
    /// Version, licence, and what is kept.
    about / call_about / "about" () -> About;
}
