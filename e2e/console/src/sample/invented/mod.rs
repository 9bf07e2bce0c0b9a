//! Invented data: names and addresses that documentation reserves.

mod acts;
mod people;
mod records;
mod settings;
mod state;

use axum::http::HeaderValue;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tornado_admin_ui::model::act::{Act, Outcome, Refusal};
use tornado_admin_ui::model::audit::{self, Audit};
use tornado_admin_ui::model::keys::Keys;
use tornado_admin_ui::model::logs::{self, Deletion, Logs};
use tornado_admin_ui::model::overview::{Count, Overview, Range, Services};
use tornado_admin_ui::model::sessions::{self, SessionDetail, Sessions};
use tornado_admin_ui::model::set_up::Reachability;
use tornado_admin_ui::model::settings::{About, Settings};
use tornado_admin_ui::model::tor::Tor;
use tornado_admin_ui::model::users::{self, UserDetail, Users};
use tornado_admin_ui::model::{Fault, Page, Values, Viewer};
use tornado_admin_ui::source::{Entered, Entry, NotEntered, Source};

/// 2026-11-27 14:32:08 UTC.
const NOW: i64 = 1_795_789_928;

/// Value that the page sends with each change.
const CSRF: &str = "0123456789abcdef";

/// The server's content. The number of sessions grows with each reading, so that a change can be seen.
#[derive(Default)]
pub struct Invented {
    reads: AtomicU64,
    /// The operator has confirmed the sign-in.
    is_confirmed: AtomicBool,
}

fn course(base: f64, swing: f64) -> Values {
    (0..120).map(|step| Some(base + swing * (f64::from(step) / 17.0).sin())).collect()
}

fn count(now: u64, swing: f64) -> Count {
    Count { now: Some(now), course: course(now as f64, swing) }
}

fn page<T>(rows: Vec<T>, matching: u64) -> Page<T> {
    let matching = if rows.is_empty() { 0 } else { matching };
    let next = (matching > rows.len() as u64).then(|| "next".into());
    Page { rows, offset: Some(0), matching: Some(matching), next, before: None, as_of: NOW }
}

#[async_trait::async_trait]
impl Source for Invented {
    async fn act(&self, csrf: String, act: Act) -> Result<Outcome, Refusal> {
        acts::act(&csrf, act, &self.is_confirmed)
    }

    async fn enter(&self, entry: Entry) -> Result<Entered, NotEntered> {
        acts::enter(entry)
    }

    async fn sign_out(&self, _csrf: String) -> Result<Vec<HeaderValue>, Refusal> {
        Ok(vec![HeaderValue::from_static("sample=; Path=/; Max-Age=0")])
    }

    async fn viewer(&self) -> Result<Viewer, Fault> {
        Ok(settings::viewer())
    }

    async fn overview(&self, _range: Range) -> Result<Overview, Fault> {
        Ok(state::overview(318 + self.reads.fetch_add(1, Ordering::Relaxed)))
    }

    async fn sessions(&self, query: sessions::Query) -> Result<Sessions, Fault> {
        Ok(people::sessions(query))
    }

    async fn session(&self, id: String) -> Result<SessionDetail, Fault> {
        people::session(&id)
    }

    async fn users(&self, query: users::Query) -> Result<Users, Fault> {
        Ok(people::users(&query))
    }

    async fn user(&self, name: String) -> Result<UserDetail, Fault> {
        people::user(&name)
    }

    async fn tor(&self) -> Result<Tor, Fault> {
        Ok(state::tor())
    }

    async fn services(&self) -> Result<Services, Fault> {
        Ok(Services { services: state::services(), units: state::units(), problem: None })
    }

    async fn logs(&self, query: logs::Query) -> Result<Logs, Fault> {
        Ok(records::logs(query))
    }

    async fn deletion(&self, selection: logs::Selection) -> Result<Deletion, Fault> {
        Ok(Deletion { lines: 1204, from: NOW - selection.range.seconds(), until: NOW })
    }

    async fn keys(&self) -> Result<Keys, Fault> {
        Ok(records::keys())
    }

    async fn audit(&self, query: audit::Query) -> Result<Audit, Fault> {
        Ok(records::audit(query))
    }

    async fn reachability(&self) -> Result<Reachability, Fault> {
        Ok(state::reachability())
    }

    async fn settings(&self) -> Result<Settings, Fault> {
        Ok(settings::settings())
    }

    async fn about(&self) -> Result<About, Fault> {
        Ok(settings::about())
    }
}
