//! The console's source over the API.

use crate::acts;
use crate::bounded::{Bounded, Missing};
use crate::caller::{Caller, Use, refusal};
use crate::console::Console;
use crate::memory::sign_in::{self, Pending};
use crate::{logs, overview, people, services, system, tor};
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use std::sync::Arc;
use tornado_admin_api::AdminError;
use tornado_admin_api::types::{NoInput, SetUp};
use tornado_admin_ui::look::hidden_columns;
use tornado_admin_ui::model::act::{Act, Outcome, Refusal};
use tornado_admin_ui::model::audit::{self, Audit};
use tornado_admin_ui::model::keys::Keys;
use tornado_admin_ui::model::logs::{self as log_model, Deletion, Logs};
use tornado_admin_ui::model::overview::{Attention, Overview, Range, Services};
use tornado_admin_ui::model::sessions::{self, Column, SessionDetail, Sessions};
use tornado_admin_ui::model::set_up::Reachability;
use tornado_admin_ui::model::settings::{About, Settings};
use tornado_admin_ui::model::tor::Tor;
use tornado_admin_ui::model::users::{self, UserDetail, Users};
use tornado_admin_ui::model::{Fault, Viewer};
use tornado_admin_ui::source::{Entered, Entry, NotEntered, Source};
use tornado_shared::model::Secret;
use uuid::Uuid;

/// The source of one request.
pub struct ApiSource {
    console: Arc<Console>,
    caller: Arc<dyn Caller>,
    /// The sign-in that waits for its code.
    waiting: Option<Uuid>,
    /// Of the content of the page.
    missing: Missing,
    /// Columns of the list of sessions that this browser hides.
    hidden: Vec<Column>,
}

impl ApiSource {
    /// The source of a request with these headers.
    pub fn new(console: Arc<Console>, caller: Arc<dyn Caller>, headers: &HeaderMap) -> Self {
        let cookies = headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self {
            console,
            caller,
            waiting: sign_in::number(headers),
            hidden: hidden_columns(cookies),
            missing: Missing::default(),
        }
    }

    /// The API for the content of a page.
    async fn page(&self) -> Result<Bounded, Fault> {
        Bounded::remembering(&*self.caller, Use::Page, self.missing.clone()).await
    }

    fn now(&self) -> i64 {
        self.console.clock.now()
    }

    /// Refuses a change that does not come from a page of this sign-in.
    fn check(&self, csrf: &str) -> Result<(), Refusal> {
        if self.caller.is_csrf_token(csrf) {
            return Ok(());
        }
        Err(Refusal { code: "csrf".to_owned(), detail: String::new(), field: None })
    }
}

#[async_trait::async_trait]
impl Source for ApiSource {
    async fn viewer(&self) -> Result<Viewer, Fault> {
        let api = Bounded::begin(&*self.caller, Use::Frame).await?;
        overview::viewer(&api, self.caller.csrf_token()).await
    }

    async fn overview(&self, range: Range) -> Result<Overview, Fault> {
        let api = self.page().await?;
        let overview = overview::read(&api, &self.console.courses, range, self.now()).await?;
        for part in &overview.attention {
            if let Attention::Missing { service, .. } = part {
                self.missing.remove(service);
            }
        }
        Ok(overview)
    }

    async fn sessions(&self, query: sessions::Query) -> Result<Sessions, Fault> {
        let api = self.page().await?;
        // Before the reading begins, so that a change during it causes another one.
        people::sessions(&api, &self.console, query, self.caller.session_changes(), self.hidden.clone()).await
    }

    async fn session(&self, id: String) -> Result<SessionDetail, Fault> {
        let api = self.page().await?;
        people::session(&api, &self.console, &id, self.caller.session_events()).await
    }

    async fn users(&self, query: users::Query) -> Result<Users, Fault> {
        let api = self.page().await?;
        people::users::users(&api, query, self.now()).await
    }

    async fn user(&self, name: String) -> Result<UserDetail, Fault> {
        let api = self.page().await?;
        people::users::user(&api, &self.console.rates, name, self.now()).await
    }

    async fn tor(&self) -> Result<Tor, Fault> {
        let api = self.page().await?;
        tor::read(&api, &self.console.courses, &self.missing, self.now()).await
    }

    async fn services(&self) -> Result<Services, Fault> {
        let api = self.page().await?;
        services::services(&api, &self.console.courses, self.now()).await
    }

    async fn logs(&self, query: log_model::Query) -> Result<Logs, Fault> {
        let api = self.page().await?;
        logs::read(&api, query, self.now()).await
    }

    async fn deletion(&self, selection: log_model::Selection) -> Result<Deletion, Fault> {
        let api = self.page().await?;
        logs::deletion(&api, selection, self.now()).await
    }

    async fn keys(&self) -> Result<Keys, Fault> {
        let api = self.page().await?;
        system::keys(&api).await
    }

    async fn audit(&self, query: audit::Query) -> Result<Audit, Fault> {
        let api = self.page().await?;
        system::audit(&api, query, self.now()).await
    }

    async fn reachability(&self) -> Result<Reachability, Fault> {
        let api = self.page().await?;
        system::reachability(&api).await
    }

    async fn settings(&self) -> Result<Settings, Fault> {
        let api = self.page().await?;
        system::settings(&api, self.now()).await
    }

    async fn about(&self) -> Result<About, Fault> {
        let api = self.page().await?;
        system::about(&api).await
    }

    fn missing(&self) -> String {
        self.missing.names()
    }

    async fn act(&self, csrf: String, act: Act) -> Result<Outcome, Refusal> {
        self.check(&csrf)?;
        let api = self.caller.api(Use::Change).await.map_err(|error| refusal(&error))?;
        acts::run(&*api, act).await.map_err(|error| refusal(&error))
    }

    async fn enter(&self, entry: Entry) -> Result<Entered, NotEntered> {
        let cookie = match entry {
            Entry::Password { name, password } => {
                let password = Secret::new(password.expose());
                match self.caller.sign_in(name.clone(), password.clone(), None).await {
                    Err(error) if error.code() == "totp_required" => {
                        let cookie = self.console.pending.keep(name, password, self.now());
                        return Ok(Entered { cookies: vec![cookie], requires_code: true });
                    }
                    other => other,
                }
            }
            Entry::Code(code) => {
                let waiting = self.waiting.and_then(|id| self.console.pending.find(id, self.now()));
                let Some(waiting) = waiting else {
                    return Err(refusal(&AdminError::new(401, "sign_in_expired", "the sign-in took too long")).into());
                };
                let code = Secret::new(code.expose().trim());
                self.caller.sign_in(waiting.name, waiting.password, Some(code)).await
            }
            Entry::SetUp { token, name, password } => {
                let input = SetUp { code: Secret::new(token.expose()), name, password: Secret::new(password.expose()) };
                self.caller.set_up(input).await
            }
        };
        let failed = |error: AdminError| NotEntered { why: refusal(&error), attempts_left: error.0.attempts_left };
        let cookie = cookie.map_err(failed)?;
        if let Some(id) = self.waiting {
            self.console.pending.forget(id);
        }
        Ok(Entered { cookies: vec![cookie, Pending::no_cookie()], requires_code: false })
    }

    async fn sign_out(&self, csrf: String) -> Result<Vec<HeaderValue>, Refusal> {
        self.check(&csrf)?;
        let api = self.caller.api(Use::Frame).await.map_err(|error| refusal(&error))?;
        match api.sign_out(NoInput {}).await {
            Ok(_) => Ok(vec![self.caller.no_cookie()]),
            // It had ended already.
            Err(error) if error.status() == 401 => Ok(vec![self.caller.no_cookie()]),
            Err(error) => Err(refusal(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ApiSource;
    use crate::caller::{Caller, Use};
    use crate::console::Console;
    use axum::http::{HeaderMap, HeaderValue};
    use std::future::pending;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::time::Instant;
    use tornado_admin_api::types::*;
    use tornado_admin_api::{AdminApi, AdminResult, admin_methods};
    use tornado_admin_ui::model::overview::Range;
    use tornado_admin_ui::model::{Fault, audit, logs, sessions, users};
    use tornado_admin_ui::source::Source as _;
    use tornado_kit::clock::Clock;
    use tornado_shared::model::Secret;
    use uuid::Uuid;

    /// Services that accept calls and do not respond.
    struct Silent;

    macro_rules! silent {
        ($(
            $(#[doc = $doc:literal])+
            $name:ident($input:ty) -> $output:ty = $verb:ident $path:literal, right $right:literal, $cost:ident;
        )+) => {
            #[async_trait::async_trait]
            impl AdminApi for Silent {
                $(
                    async fn $name(&self, _: $input) -> AdminResult<$output> {
                        pending().await
                    }
                )+
            }
        };
    }
    admin_methods!(silent);

    struct Request {
        is_checked: bool,
    }

    #[async_trait::async_trait]
    impl Caller for Request {
        async fn api(&self, _: Use) -> AdminResult<Arc<dyn AdminApi>> {
            if self.is_checked { Ok(Arc::new(Silent)) } else { pending().await }
        }

        fn session_changes(&self) -> u64 {
            0
        }

        fn session_events(&self) -> Vec<SessionEventView> {
            Vec::new()
        }

        fn csrf_token(&self) -> String {
            String::new()
        }

        fn is_csrf_token(&self, _: &str) -> bool {
            false
        }

        async fn sign_in(&self, _: String, _: Secret, _: Option<Secret>) -> AdminResult<HeaderValue> {
            pending().await
        }

        async fn set_up(&self, _: SetUp) -> AdminResult<HeaderValue> {
            pending().await
        }

        fn no_cookie(&self) -> HeaderValue {
            HeaderValue::from_static("")
        }
    }

    /// The service that a reading names, within 2 s.
    async fn missing<T>(read: impl Future<Output = Result<T, Fault>>) -> String {
        let start = Instant::now();
        let fault = read.await.err().unwrap();
        assert!(start.elapsed() < Duration::from_secs(2), "{fault:?} after {:?}", start.elapsed());
        let Fault::Unavailable { part, .. } = fault else { panic!("{fault:?}") };
        part
    }

    async fn every_page(is_checked: bool) -> Vec<String> {
        let console = Arc::new(Console::new(Clock::new(|| 1000)));
        let source = ApiSource::new(console, Arc::new(Request { is_checked }), &HeaderMap::new());
        vec![
            missing(source.viewer()).await,
            missing(source.overview(Range::Live)).await,
            missing(source.sessions(sessions::Query::default())).await,
            missing(source.session(Uuid::nil().to_string())).await,
            missing(source.users(users::Query::default())).await,
            missing(source.user("demo-heron".to_owned())).await,
            missing(source.tor()).await,
            missing(source.services()).await,
            missing(source.logs(logs::Query::default())).await,
            missing(source.deletion(logs::Selection::default())).await,
            missing(source.keys()).await,
            missing(source.audit(audit::Query::default())).await,
            missing(source.reachability()).await,
            missing(source.settings()).await,
            missing(source.about()).await,
        ]
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_names_the_service_that_hangs_within_two_seconds() {
        let of_pages = [
            "auth",
            "auth",
            "session",
            "session",
            "auth",
            "auth",
            "tor",
            "master",
            "telemetry",
            "telemetry",
            "auth",
            "auth",
            "auth",
            "auth",
            "auth",
        ];
        assert_eq!(every_page(true).await, of_pages);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_of_the_sign_in_that_hangs_is_named() {
        assert!(every_page(false).await.iter().all(|part| part == "auth"));
    }
}
