//! Where the pages get their content: server functions, which call the server's [`Source`].
//!
//! In the browser a call of these functions is a request with the page's cookie; on the server it is a call. Access is
//! checked by the implementation of [`Source`], never here.

use crate::model::audit::{self, Audit};
use crate::model::keys::Keys;
use crate::model::logs::{self, Logs};
use crate::model::overview::{Overview, Range, Service};
use crate::model::sessions::{self, SessionDetail, Sessions};
use crate::model::settings::{About, Settings};
use crate::model::tor::Tor;
use crate::model::users::{self, UserDetail, Users};
use crate::model::{Fault, Viewer};
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

reads! {
    /// Who looks at the console.
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
    /// Settings.
    settings / call_settings / "settings" () -> Settings;
    /// Version, licence, and what is kept.
    about / call_about / "about" () -> About;
}
