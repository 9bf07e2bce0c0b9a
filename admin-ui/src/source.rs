//! Where the pages get their content: two server functions, which call the server's [`Source`].
//!
//! In the browser a call of these functions is a request with the page's cookie; on the server it is a call. Access is
//! checked by the implementation of [`Source`], never here.

#[cfg(feature = "ssr")]
use crate::model::act::Hidden;
use crate::model::act::{Act, Invitation, Outcome, Refusal};
use crate::model::audit::{self, Audit};
use crate::model::keys::Keys;
use crate::model::logs::{self, Deletion, Logs};
use crate::model::overview::{Overview, Range, Services};
use crate::model::sessions::{self, SessionDetail, Sessions};
use crate::model::set_up::Reachability;
use crate::model::settings::{About, Settings};
use crate::model::tor::Tor;
use crate::model::users::{self, UserDetail, Users};
use crate::model::{Fault, Viewer};
#[cfg(feature = "ssr")]
use crate::packed::pack;
use crate::packed::{Answer, Packed, unpack};
#[cfg(feature = "ssr")]
use axum::http::HeaderValue;
use leptos::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// What a page reads: the query, and the type of its content.
#[derive(Clone, Debug)]
pub struct PageQuery<T> {
    /// The query.
    pub query: Query,
    content: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> PageQuery<T> {
    const fn new(query: Query) -> Self {
        Self { query, content: PhantomData }
    }

    /// Reads the content.
    ///
    /// # Errors
    ///
    /// Those of the server, or the browser cannot reach it.
    pub async fn read(self) -> Result<T, Fault> {
        unpack(&answer(self.query).await?.0)
    }
}

/// Reads the packed content of a query.
///
/// # Errors
///
/// Those of the server, or the browser cannot reach it.
pub async fn answer(query: Query) -> Answer {
    call_read(query).await.unwrap_or(Err(Fault::Unreachable))
}

#[server(prefix = "/data", endpoint = "read", input = Packed, output = Packed)]
async fn call_read(query: Query) -> Result<Answer, ServerFnError> {
    let Some(source) = use_context::<std::sync::Arc<dyn Source>>() else {
        return Ok(Err(Fault::SignedOut));
    };
    let created = use_context::<Created>().map(|Created(created)| created);
    Ok(answer_of(&*source, query, created).await)
}

macro_rules! reads {
    ($($(#[$doc:meta])* $name:ident / $variant:ident ($($argument:ident : $kind:ty)?) -> $model:ty;)+) => {
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

            /// The services that did not respond to the reading before: its content has parts without values.
            fn missing(&self) -> String {
                String::new()
            }

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
            async fn enter(&self, entry: Entry) -> Result<Entered, NotEntered>;

            /// Ends the sign-in, and returns the cookies that remove it from the browser.
            ///
            /// # Errors
            ///
            /// `csrf` is not that of the sign-in, or a service does not respond.
            async fn sign_out(&self, csrf: String) -> Result<Vec<HeaderValue>, Refusal>;
        }

        /// A query of a page.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum Query {
            $(
                $(#[$doc])*
                $variant $(($kind))?,
            )+
            /// The value for changes, and how devices reach the server.
            Place,
            /// Who looks at the console, and the invitation that the form of this request has created.
            FirstInvitation,
        }

        $(
            $(#[$doc])*
            pub fn $name($($argument: $kind)?) -> PageQuery<$model> {
                PageQuery::new(Query::$variant $(($argument))?)
            }
        )+

        #[cfg(feature = "ssr")]
        async fn answer_of(source: &dyn Source, query: Query, created: Option<Result<Invitation, Refusal>>) -> Answer {
            match query {
                $(Query::$variant $(($argument))? => {
                    let content = source.$name($($argument)?).await;
                    pack(content, source.missing())
                })+
                Query::Place => {
                    let csrf = source.viewer().await?.csrf;
                    pack(source.reachability().await.map(|reach| (csrf, reach)), source.missing())
                }
                Query::FirstInvitation => pack(source.viewer().await.map(|viewer| (viewer, created)), String::new()),
            }
        }
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

/// Why a step of a sign-in failed.
#[cfg(feature = "ssr")]
#[derive(Clone, Debug)]
pub struct NotEntered {
    /// What the form shows.
    pub why: Refusal,
    /// Further failures after which the network has to wait, after a wrong name or password.
    pub attempts_left: Option<u32>,
}

#[cfg(feature = "ssr")]
impl From<Refusal> for NotEntered {
    fn from(why: Refusal) -> Self {
        Self { why, attempts_left: None }
    }
}

/// The invitation that the form of this request has created, for the page that the server renders in response.
#[cfg(feature = "ssr")]
#[derive(Clone, Debug)]
pub struct Created(pub Result<Invitation, Refusal>);

/// The value for changes, and how devices reach the server.
pub const fn place() -> PageQuery<(String, Reachability)> {
    PageQuery::new(Query::Place)
}

/// Who looks at the console, and the invitation that the form of this request has created; none for a page that was
/// opened by its address.
pub const fn first_invitation() -> PageQuery<(Viewer, Option<Result<Invitation, Refusal>>)> {
    PageQuery::new(Query::FirstInvitation)
}

#[server(prefix = "/data", endpoint = "act", input = Packed, output = Packed)]
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
    viewer / Viewer () -> Viewer;
    /// The overview with its charts over the range.
    overview / Overview (range: Range) -> Overview;
    /// Sessions.
    sessions / Sessions (query: sessions::Query) -> Sessions;
    /// One session.
    session / Session (id: String) -> SessionDetail;
    /// Users.
    users / Users (query: users::Query) -> Users;
    /// One user.
    user / User (name: String) -> UserDetail;
    /// The tor lane.
    tor / Tor () -> Tor;
    /// Services of the product and units of the machine.
    services / Services () -> Services;
    /// Log lines.
    logs / Logs (query: logs::Query) -> Logs;
    /// What a deletion of log lines would delete.
    deletion / Deletion (selection: logs::Selection) -> Deletion;
    /// Keys.
    keys / Keys () -> Keys;
    /// The audit trail.
    audit / Audit (query: audit::Query) -> Audit;
    /// How devices reach the server.
    reachability / Reachability () -> Reachability;
    /// Settings.
    settings / Settings () -> Settings;
    /// Version, licence, and what is kept.
    about / About () -> About;
}
