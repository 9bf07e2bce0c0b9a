//! Rate limits of the API.

mod known;
mod places;
mod rate;

use known::Known;
use parking_lot::Mutex;
pub use places::{Place, Places};
use rate::Buckets;
use std::net::IpAddr;
use tokio::time::Instant;
use tornado_admin_api::{AdminError, AdminResult, Cost};
use tornado_shared::model::{OperatorId, Origin, Secret};
use tornado_shared::problem::Problem;

/// Requests per minute and operator.
const USUAL: u32 = 200;
/// Costly requests per minute and operator.
const COSTLY: u32 = 30;
/// Readings per minute and operator of the frame of the console's pages, and as many of their contents. A page reads
/// its content about once a second at most, whatever happens on the server.
#[cfg(feature = "console")]
const READINGS: u32 = 1200;
/// Requests per minute and network that are refused for lack of a sign-in or a right, and attempts to sign in, which
/// `auth` limits further.
const REFUSED: u32 = 600;

/// What a request is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rate {
    /// A request of the API.
    Usual,
    /// A costly one, which also counts as a usual one.
    Costly,
    /// The frame of the console's pages.
    #[cfg(feature = "console")]
    Frame,
    /// The content of a page.
    #[cfg(feature = "console")]
    Page,
}

impl From<Cost> for Rate {
    fn from(cost: Cost) -> Self {
        match cost {
            Cost::Usual => Self::Usual,
            Cost::Costly => Self::Costly,
        }
    }
}

/// Counters of all operators and networks.
pub struct Limits {
    start: Instant,
    usual: Mutex<Buckets<OperatorId>>,
    costly: Mutex<Buckets<OperatorId>>,
    #[cfg(feature = "console")]
    readings: Mutex<Buckets<(OperatorId, Rate)>>,
    refused: Mutex<Buckets<Origin>>,
    known: Mutex<Known>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            usual: Mutex::new(Buckets::new(USUAL)),
            costly: Mutex::new(Buckets::new(COSTLY)),
            #[cfg(feature = "console")]
            readings: Mutex::new(Buckets::new(READINGS)),
            refused: Mutex::new(Buckets::new(REFUSED)),
            known: Mutex::default(),
        }
    }
}

impl Limits {
    /// Counts a request of an operator.
    ///
    /// # Errors
    /// The operator has to wait.
    pub fn count(&self, operator: OperatorId, rate: Rate) -> AdminResult<()> {
        let now = self.start.elapsed();
        match rate {
            #[cfg(feature = "console")]
            Rate::Frame | Rate::Page => return self.readings.lock().count((operator, rate), now).map_err(too_many),
            Rate::Costly => self.costly.lock().count(operator, now).map_err(too_many)?,
            Rate::Usual => {}
        }
        self.usual.lock().count(operator, now).map_err(too_many)
    }

    /// Refuses a request of a network that has no refusals left, before `auth` is called: random tokens must not cost
    /// it a query each. Tokens that were valid a short time ago pass, so that their operators can go on beside an
    /// attacker.
    ///
    /// # Errors
    /// The network has to wait.
    pub fn admit(&self, address: IpAddr, token: &Secret) -> AdminResult<()> {
        let now = self.start.elapsed();
        let Some((origin, _)) = Origin::steps(address).next() else { return Ok(()) };
        let Some(seconds) = self.refused.lock().wait(&origin, now) else { return Ok(()) };
        if self.known.lock().contains(token, now) { Ok(()) } else { Err(too_many(seconds)) }
    }

    /// Records that `auth` accepted a token.
    pub fn accepted(&self, token: &Secret) {
        self.known.lock().add(token, self.start.elapsed());
    }

    /// Records that `auth` refused a token.
    pub fn rejected(&self, token: &Secret) {
        self.known.lock().remove(token);
    }

    /// Counts a request without a valid sign-in.
    ///
    /// # Errors
    /// The network has to wait.
    pub fn count_refused(&self, address: IpAddr) -> AdminResult<()> {
        let Some((origin, _)) = Origin::steps(address).next() else { return Ok(()) };
        self.refused.lock().count(origin, self.start.elapsed()).map_err(too_many)
    }
}

fn too_many(seconds: u64) -> AdminError {
    let detail = format!("too many requests; try again in {seconds} seconds");
    let mut problem = Problem::new(429, "too_many_requests", detail);
    problem.retry_after = Some(seconds);
    problem.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn open_pages_leave_an_operators_requests_their_rate() {
        let (limits, operator) = (Limits::default(), OperatorId::random());
        // Twelve pages that read frame and content once a second, for two minutes.
        for second in 0..120 {
            for page in 0..12 {
                assert!(limits.count(operator, Rate::Frame).is_ok(), "page {page} after {second} s");
                assert!(limits.count(operator, Rate::Page).is_ok(), "page {page} after {second} s");
            }
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
        }
        assert!((0..COSTLY).all(|_| limits.count(operator, Rate::Costly).is_ok()));
        assert!((COSTLY..USUAL).all(|_| limits.count(operator, Rate::Usual).is_ok()));
        assert_eq!(limits.count(operator, Rate::Usual).unwrap_err().status(), 429);
        while limits.count(operator, Rate::Page).is_ok() {}
        assert!(limits.count(operator, Rate::Frame).is_ok(), "a page that reads too often keeps its buttons");
    }
}
