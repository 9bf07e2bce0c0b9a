//! What the console keeps between requests, all of it in memory.

use crate::caller::{Caller, MakeCaller};
use crate::memory::courses::Courses;
use crate::memory::rates::Rates;
use crate::memory::sign_in::Pending;
use crate::source::ApiSource;
use axum::Router;
use axum::http::request::Parts;
use std::sync::Arc;
use tornado_admin_ui::serve::{Assets, router};
use tornado_admin_ui::source::Source;
use tornado_kit::clock::Clock;

/// The console of one server.
pub struct Console {
    pub(crate) clock: Clock,
    pub(crate) rates: Rates,
    pub(crate) courses: Courses,
    pub(crate) pending: Pending,
}

impl Console {
    /// A console that keeps nothing yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, rates: Rates::default(), courses: Courses::default(), pending: Pending::default() }
    }

    /// Pages, their data, and the files for the browser.
    pub fn router(self: Arc<Self>, assets: Assets, make_caller: MakeCaller) -> Router {
        let make_source = move |parts: &Parts| -> Arc<dyn Source> {
            let caller: Arc<dyn Caller> = make_caller(parts);
            Arc::new(ApiSource::new(self.clone(), caller, &parts.headers))
        };
        router(assets, Arc::new(make_source))
    }
}
