//! The server of the tests: invented data, and the states of a server that does not respond or refuses.

mod invented;

use axum::extract::Query;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, COOKIE};
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::routing::get;
use invented::Invented;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tornado_admin_ui::model::act::{Act, Outcome, Refusal};
use tornado_admin_ui::model::audit::{self, Audit};
use tornado_admin_ui::model::keys::Keys;
use tornado_admin_ui::model::logs::{self, Deletion, Logs};
use tornado_admin_ui::model::overview::{Overview, Range, Services};
use tornado_admin_ui::model::sessions::{self, SessionDetail, Sessions};
use tornado_admin_ui::model::set_up::Reachability;
use tornado_admin_ui::model::settings::{About, Settings};
use tornado_admin_ui::model::tor::Tor;
use tornado_admin_ui::model::users::{self, UserDetail, Users};
use tornado_admin_ui::model::{Fault, Page, Viewer};
use tornado_admin_ui::serve::{self, Assets};
use tornado_admin_ui::source::{Entered, Entry, NotEntered, Source};

/// Each page, and the name of its picture.
pub const PAGES: &[(&str, &str)] = &[
    ("/sign-in", "sign-in"),
    ("/sign-in/code", "sign-in-code"),
    ("/setup?code=invented", "set-up"),
    ("/setup/host", "set-up-host"),
    ("/setup/invite", "set-up-invite"),
    ("/", "overview"),
    ("/sessions", "sessions"),
    ("/sessions?text=nobody", "sessions-none"),
    ("/sessions/0193-0000", "session"),
    ("/users", "users"),
    ("/users/demo-heron", "user"),
    ("/users/unknown", "not-found"),
    ("/tor", "tor"),
    ("/services", "services"),
    ("/logs", "logs"),
    ("/logs/delete?text=level%3Adebug&range=24h", "logs-delete"),
    ("/keys", "keys"),
    ("/audit", "audit"),
    ("/settings", "settings"),
    ("/about", "about"),
    ("/about/data-kept", "data-kept"),
    ("/about/licence", "licence"),
];

/// Cookie that chooses the state of the server for a browser.
pub const STATE_COOKIE: &str = "sample_state";
/// How long the slow server takes.
const SLOW: Duration = Duration::from_secs(2);

/// State of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// As usual.
    #[default]
    Usual,
    /// Without a single row.
    Empty,
    /// Services do not respond.
    Unavailable,
    /// The role allows nothing.
    Forbidden,
    /// The sign-in has ended.
    SignedOut,
    /// Each answer takes its time.
    Slow,
}

impl State {
    fn of(parts: &Parts) -> Self {
        let cookies = parts.headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        match pairs.find(|(name, _)| *name == STATE_COOKIE).map(|(_, value)| value) {
            Some("empty") => Self::Empty,
            Some("unavailable") => Self::Unavailable,
            Some("forbidden") => Self::Forbidden,
            Some("signed-out") => Self::SignedOut,
            Some("slow") => Self::Slow,
            _ => Self::Usual,
        }
    }
}

/// The server of the tests: the console.
pub fn router(assets: Assets) -> axum::Router {
    let invented = Arc::new(Invented::default());
    let make = move |parts: &Parts| -> Arc<dyn Source> {
        let cookies = parts.headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let hidden = tornado_admin_ui::look::hidden_columns(cookies);
        Arc::new(Sample { invented: invented.clone(), state: State::of(parts), hidden })
    };
    serve::router(assets, Arc::new(make))
        .route(tornado_admin_ui::live::EVENTS, get(events_of_sample))
        .route("/api/v1/logs/tail", get(tail_of_sample))
}

/// A stream of log lines: one each second, which names the query.
async fn tail_of_sample(
    Query(query): Query<HashMap<String, String>>,
) -> Sse<impl futures::Stream<Item = Result<Message, Infallible>>> {
    let text = query.get("text").cloned().unwrap_or_default();
    let lines = futures::stream::unfold(text, |text| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let data = format!(
            r#"{{"lines":[{{"id":null,"time":1795789928000000,"level":"warn","service":"dns","target":"tornado_dns",
            "message":"upstream did not respond","request_id":null,"fields":{{"query":"{text}"}}}}],"missed":0}}"#
        )
        .replace('\n', "");
        Some((Ok(Message::default().event("lines").data(data)), text))
    });
    Sse::new(lines).keep_alive(KeepAlive::new())
}

/// A stream of events: the number of sessions changes every two seconds. As on the server, no cache keeps it. Otherwise
/// Chromium would keep each page that was left, with the connection of its events, and the seventh page would wait for
/// a connection for almost a minute.
async fn events_of_sample() -> impl IntoResponse {
    let events = futures::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Some((Ok::<_, Infallible>(Message::default().event("sessions").data("{}")), ()))
    });
    ([(CACHE_CONTROL, "no-store")], Sse::new(events).keep_alive(KeepAlive::new()))
}

/// The source of one request.
struct Sample {
    invented: Arc<Invented>,
    state: State,
    /// Columns that this browser hides.
    hidden: Vec<sessions::Column>,
}

impl Sample {
    /// What the state of the server does to a reading.
    async fn gate(&self, part: &str) -> Result<(), Fault> {
        match self.state {
            State::Usual | State::Empty => Ok(()),
            State::Slow => {
                tokio::time::sleep(SLOW).await;
                Ok(())
            }
            State::Unavailable => Err(Fault::Unavailable {
                part: part.to_owned(),
                code: "unavailable".to_owned(),
                request: "0193-7a09".to_owned(),
            }),
            State::Forbidden => Err(Fault::Forbidden),
            State::SignedOut => Err(Fault::SignedOut),
        }
    }

    /// Leaves out the rows of an empty server.
    fn rows<T>(&self, rows: &mut Vec<T>) {
        if self.state == State::Empty {
            rows.clear();
        }
    }

    fn page<T>(&self, page: &mut Page<T>) {
        if self.state == State::Empty {
            *page = Page {
                rows: Vec::new(),
                offset: Some(0),
                matching: Some(0),
                next: None,
                before: None,
                as_of: page.as_of,
            };
        }
    }
}

#[async_trait::async_trait]
impl Source for Sample {
    async fn viewer(&self) -> Result<Viewer, Fault> {
        let viewer = self.invented.viewer().await?;
        match self.state {
            State::SignedOut => Err(Fault::SignedOut),
            State::Forbidden => Ok(Viewer { rights: Vec::new(), ..viewer }),
            State::Usual | State::Empty | State::Unavailable | State::Slow => Ok(viewer),
        }
    }

    async fn overview(&self, range: Range) -> Result<Overview, Fault> {
        self.gate("master").await?;
        let mut overview = self.invented.overview(range).await?;
        self.rows(&mut overview.attention);
        self.rows(&mut overview.lanes);
        self.rows(&mut overview.services);
        self.rows(&mut overview.dependencies);
        self.rows(&mut overview.latest);
        if self.state == State::Empty {
            overview.machine = None;
            overview.slots = None;
        }
        Ok(overview)
    }

    async fn sessions(&self, query: sessions::Query) -> Result<Sessions, Fault> {
        self.gate("session").await?;
        let mut sessions = self.invented.sessions(query).await?;
        self.page(&mut sessions.page);
        sessions.hidden.clone_from(&self.hidden);
        Ok(sessions)
    }

    async fn session(&self, id: String) -> Result<SessionDetail, Fault> {
        self.gate("session").await?;
        self.invented.session(id).await
    }

    async fn users(&self, query: users::Query) -> Result<Users, Fault> {
        self.gate("auth").await?;
        let mut users = self.invented.users(query).await?;
        self.page(&mut users.page);
        Ok(users)
    }

    async fn user(&self, name: String) -> Result<UserDetail, Fault> {
        self.gate("auth").await?;
        let mut user = self.invented.user(name).await?;
        self.rows(&mut user.devices);
        self.rows(&mut user.sessions);
        self.rows(&mut user.history);
        self.rows(&mut user.by_lane);
        Ok(user)
    }

    async fn tor(&self) -> Result<Tor, Fault> {
        self.gate("tor").await?;
        let mut tor = self.invented.tor().await?;
        if self.state == State::Empty {
            tor.circuits = Some(Vec::new());
        }
        self.rows(&mut tor.exits);
        self.rows(&mut tor.countries);
        self.rows(&mut tor.log);
        Ok(tor)
    }

    async fn services(&self) -> Result<Services, Fault> {
        self.gate("master").await?;
        let mut services = self.invented.services().await?;
        self.rows(&mut services.units);
        Ok(services)
    }

    async fn logs(&self, query: logs::Query) -> Result<Logs, Fault> {
        self.gate("telemetry").await?;
        let mut logs = self.invented.logs(query).await?;
        self.rows(&mut logs.lines);
        self.rows(&mut logs.by_service);
        self.rows(&mut logs.saved);
        if self.state == State::Empty {
            (logs.next, logs.histogram) = (None, vec![logs::Interval::default(); logs.histogram.len()]);
        }
        Ok(logs)
    }

    async fn deletion(&self, selection: logs::Selection) -> Result<Deletion, Fault> {
        self.gate("telemetry").await?;
        let deletion = self.invented.deletion(selection).await?;
        Ok(if self.state == State::Empty { Deletion { lines: 0, ..deletion } } else { deletion })
    }

    async fn keys(&self) -> Result<Keys, Fault> {
        self.gate("auth").await?;
        self.invented.keys().await
    }

    async fn audit(&self, query: audit::Query) -> Result<Audit, Fault> {
        self.gate("auth").await?;
        let mut audit = self.invented.audit(query).await?;
        self.page(&mut audit.page);
        Ok(audit)
    }

    async fn reachability(&self) -> Result<Reachability, Fault> {
        self.gate("admin").await?;
        self.invented.reachability().await
    }

    async fn settings(&self) -> Result<Settings, Fault> {
        self.gate("auth").await?;
        let mut settings = self.invented.settings().await?;
        if self.state == State::Empty {
            (settings.passkeys, settings.tokens) = (Some(Vec::new()), Some(Vec::new()));
        }
        Ok(settings)
    }

    async fn about(&self) -> Result<About, Fault> {
        self.gate("admin").await?;
        self.invented.about().await
    }

    async fn act(&self, csrf: String, act: Act) -> Result<Outcome, Refusal> {
        self.invented.act(csrf, act).await
    }

    async fn enter(&self, entry: Entry) -> Result<Entered, NotEntered> {
        self.invented.enter(entry).await
    }

    async fn sign_out(&self, csrf: String) -> Result<Vec<HeaderValue>, Refusal> {
        self.invented.sign_out(csrf).await
    }
}
