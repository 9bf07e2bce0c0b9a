//! A Tor process for each exit country in use. It starts when the first device selects the country and ends some time
//! after the last one has left. Each is a complete [`Service`] with its own process, readiness and probe. The
//! operator's desired state and the lane's state belong to the parent.

use crate::account::Account;
use crate::places::{Places, Step};
use crate::service::Service;
use crate::torrc::Layout;
use crate::{Config, Error, files, unit};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::{CountryRefusal, CountryTor, LaneState};
use tornado_contracts::wg::{TorExits, TorPorts};
use tornado_runtime::Tasks;
use tornado_shared::model::CountryCode;

/// Interval at which time-dependent steps are checked.
const LOOK: Duration = Duration::from_secs(1);
/// Pause before a country is retried after its Tor process could not be set up.
const RETRY: Duration = Duration::from_secs(5);

/// The exit countries of a service.
pub(crate) struct Countries {
    book: Mutex<Book>,
    changed: Notify,
}

struct Book {
    places: Places,
    running: BTreeMap<CountryCode, Arc<Service>>,
}

impl Countries {
    pub(crate) fn new(config: &Config) -> Self {
        let places = Places::new(config.max_countries, Duration::from_secs(config.country_linger.into()));
        Self { book: Mutex::new(Book { places, running: BTreeMap::new() }), changed: Notify::new() }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the countries that devices use now. Returns those that were refused.
    pub(crate) fn sync(&self, countries: &BTreeSet<CountryCode>) -> BTreeMap<CountryCode, CountryRefusal> {
        let refused = self.book().places.sync(countries, Instant::now());
        self.changed.notify_one();
        refused
    }

    /// The running services, one for each country.
    pub(crate) fn all(&self) -> Vec<(CountryCode, Arc<Service>)> {
        self.book().running.iter().map(|(country, service)| (*country, service.clone())).collect()
    }

    /// Returns true if the country has a service, ready or not.
    pub(crate) fn has(&self, country: CountryCode) -> bool {
        self.book().running.contains_key(&country)
    }

    /// The status of every country.
    pub(crate) fn status(&self) -> Vec<CountryTor> {
        let all = self.all();
        let book = self.book();
        let tor = |(country, service): (CountryCode, Arc<Service>)| {
            let status = service.status();
            CountryTor {
                country,
                process: status.process,
                bootstrap: status.bootstrap,
                ready: status.lane.state == LaneState::Open,
                reason: status.lane.reason,
                in_use: book.places.is_wanted(country),
            }
        };
        all.into_iter().map(tor).collect()
    }

    /// The ports of the countries that are open.
    pub(crate) fn open(&self) -> TorExits {
        let is_open = |service: &Service| service.read(|state| state.lane().state) == LaneState::Open;
        let all = self.all().into_iter().filter(|(_, service)| is_open(service));
        all.map(|(country, service)| (country, ports(&service.config))).collect()
    }
}

/// The listening ports of a Tor process.
pub(crate) const fn ports(config: &Config) -> TorPorts {
    TorPorts { trans_port: config.trans_port, dns_port: config.dns_port, socks_port: config.socks_port }
}

/// A country whose service runs.
struct Running {
    country: CountryCode,
    stop: CancellationToken,
}

/// Starts and stops services until shutdown. All of them have ended when this returns.
pub(crate) async fn run(service: Arc<Service>, account: Account, shutdown: CancellationToken) {
    let mut ends = JoinSet::<(CountryCode, bool)>::new();
    let mut running = Vec::<Running>::new();
    let mut parent = service.changed();
    let mut retry_at = None;
    while !shutdown.is_cancelled() {
        parent.mark_unchanged();
        let wanted = service.wanted();
        for (_, child) in service.countries.all() {
            child.follow(wanted);
        }
        let due = retry_at.is_none_or(|at| Instant::now() >= at);
        if due {
            retry_at = None;
        }
        let steps = if due { service.countries.book().places.steps(Instant::now()) } else { Vec::new() };
        for step in steps {
            match step {
                Step::Start(country, slot) => match begin(&service, account, country, slot, &shutdown) {
                    Ok((child, stop, end)) => {
                        tracing::info!(%country, "starting Tor for an exit country");
                        service.countries.book().running.insert(country, child);
                        running.push(Running { country, stop });
                        ends.spawn(async move { (country, end.await) });
                    }
                    Err(error) => {
                        tracing::warn!(%error, %country, "cannot start Tor for an exit country; retrying");
                        service.countries.book().places.ended(country);
                        retry_at = Some(Instant::now() + RETRY);
                    }
                },
                Step::End(country) => {
                    tracing::info!(%country, "stopping Tor of an unused exit country");
                    running.iter().filter(|r| r.country == country).for_each(|r| r.stop.cancel());
                }
            }
        }
        let is_busy = retry_at.is_some() || !running.is_empty() || !service.countries.book().places.is_empty();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = service.countries.changed.notified() => {}
            _ = parent.changed() => {}
            Some(ended) = ends.join_next() => {
                // A panic here ends the whole service, as a panic in any other task does.
                let Ok((country, is_early)) = ended else { return };
                if is_early {
                    retry_at = Some(Instant::now() + RETRY);
                }
                running.retain(|r| r.country != country);
                let mut book = service.countries.book();
                book.running.remove(&country);
                book.places.ended(country);
                drop(book);
                service.touch();
            }
            () = tokio::time::sleep(LOOK), if is_busy => {}
        }
    }
    running.iter().for_each(|r| r.stop.cancel());
    while ends.join_next().await.is_some() {}
}

/// The service, the token that stops it, and its end, which is true if the service was not asked to stop.
type Begun = (Arc<Service>, CancellationToken, futures::future::BoxFuture<'static, bool>);

fn begin(
    parent: &Arc<Service>,
    account: Account,
    country: CountryCode,
    slot: u8,
    shutdown: &CancellationToken,
) -> Result<Begun, Error> {
    let all = parent.layout.exits();
    let layout = Layout::new(&all.join(country.as_str()));
    let own = |path: &std::path::Path| -> io::Result<()> {
        files::private_dir(path)?;
        account.give(path)
    };
    for directory in [all.as_path(), layout.dir()] {
        own(directory).map_err(|source| Error::File { path: directory.to_owned(), source })?;
    }
    let config = Arc::new(parent.config.of_country(country, slot));
    let child = Arc::new(Service::of_country(parent, country, config, layout));
    let mut tasks = Tasks::new(shutdown);
    let stop = tasks.stop().clone();
    let tor_ended = unit::start(&child, account, &mut tasks)?;
    let end = async move {
        // If one task ends early, the others are stopped, and the country is started again.
        let is_early = tasks.run().await.is_err();
        drop(tor_ended.await);
        is_early
    };
    Ok((child, stop, Box::pin(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn exit_countries_are_looked_at_at_a_steady_pace_for_sixty_days() {
        let dir = tempfile::tempdir().unwrap();
        let service = Arc::new(Service::new(Arc::default(), Layout::new(dir.path()), || 0));
        let account = Account::of(None).unwrap();
        tornado_endurance::sixty_days(3_600, run(service, account, CancellationToken::new())).await;
    }
}
