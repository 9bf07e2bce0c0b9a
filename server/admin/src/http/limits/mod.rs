//! Rate limits of the API.

mod rate;

use parking_lot::Mutex;
use rate::Buckets;
use std::net::IpAddr;
use tokio::time::Instant;
use tornado_admin_api::{AdminError, AdminResult, Cost};
use tornado_shared::model::{OperatorId, Origin};
use tornado_shared::problem::Problem;

/// Requests per minute and operator.
const USUAL: u32 = 200;
/// Costly requests per minute and operator.
const COSTLY: u32 = 30;
/// Requests per minute and network that are refused for lack of a sign-in or a right, and attempts to sign in, which
/// `auth` limits further.
const REFUSED: u32 = 600;

/// Counters of all operators and networks.
pub struct Limits {
    start: Instant,
    usual: Mutex<Buckets<OperatorId>>,
    costly: Mutex<Buckets<OperatorId>>,
    refused: Mutex<Buckets<Origin>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            usual: Mutex::new(Buckets::new(USUAL)),
            costly: Mutex::new(Buckets::new(COSTLY)),
            refused: Mutex::new(Buckets::new(REFUSED)),
        }
    }
}

impl Limits {
    /// Counts a request of an operator.
    ///
    /// # Errors
    /// The operator has to wait.
    pub fn count(&self, operator: OperatorId, cost: Cost) -> AdminResult<()> {
        let now = self.start.elapsed();
        if cost == Cost::Costly {
            self.costly.lock().count(operator, now).map_err(too_many)?;
        }
        self.usual.lock().count(operator, now).map_err(too_many)
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
