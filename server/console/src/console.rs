//! What the console keeps between requests, all of it in memory.

use crate::memory::courses::Courses;
use crate::memory::lists::Lists;
use crate::memory::names::Names;
use crate::memory::rates::Rates;
use crate::memory::sign_in::Pending;
use tornado_kit::clock::Clock;

/// The console of one server.
pub struct Console {
    pub(crate) clock: Clock,
    pub(crate) rates: Rates,
    pub(crate) lists: Lists,
    pub(crate) names: Names,
    pub(crate) courses: Courses,
    pub(crate) pending: Pending,
}

impl Console {
    /// A console that keeps nothing yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            rates: Rates::default(),
            lists: Lists::default(),
            names: Names::default(),
            courses: Courses::default(),
            pending: Pending::default(),
        }
    }

    /// Removes what is no longer needed: passwords whose code takes too long, and old readings. To be called every few
    /// seconds.
    pub fn tidy(&self) {
        let now = self.clock.now();
        self.pending.tidy(now);
        self.rates.tidy(now);
        self.lists.tidy(now);
        self.names.tidy(now);
    }
}
