//! The exits that Tor and the configuration allow.

use crate::control::circuits;
use crate::instance::Instance;
use std::time::{Duration, Instant};
use tornado_contracts::tor::Exits;

/// How long a list of exits is reused. The network's directory changes once an hour.
const FRESH: Duration = Duration::from_secs(30);

/// The latest list of exits.
#[derive(Default)]
pub(crate) struct Offer(tokio::sync::Mutex<Option<(Instant, Exits)>>);

impl Offer {
    /// Returns the available exits and countries, as the lane's own Tor process reports them.
    pub(crate) async fn exits(&self, lane: &Instance) -> Exits {
        let mut known = self.0.lock().await;
        if let Some((_, exits)) = known.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return exits.clone();
        }
        let queried = match lane.control() {
            Ok(control) => circuits::exits(&control).await.map_err(|error| error.to_string()),
            Err(reason) => Err(reason),
        };
        let mut exits = match queried {
            Ok(exits) => exits,
            Err(reason) => return Exits { unavailable: Some(reason), ..Exits::default() },
        };
        let config = lane.config();
        let is_allowed = |code: &str| code.parse().map_or(config.exit_countries.is_empty(), |c| config.allows_exit(c));
        exits.countries.retain(|offer| is_allowed(&offer.country));
        exits.exits.retain(|exit| is_allowed(exit.country.as_deref().unwrap_or("??")));
        // A Tor that is still starting knows no exits; an empty list is not cached.
        *known = (!exits.exits.is_empty()).then(|| (Instant::now(), exits.clone()));
        exits
    }
}
