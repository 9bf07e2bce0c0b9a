//! A Tor process for each exit country in use. It starts when the first device selects the country and ends some time
//! after the last one has left. Each is a complete [`Instance`] with its own process, readiness and probe. The
//! operator's desired state and the lane's state belong to the lane's own instance.

use super::places::{Places, Step};
use crate::config::Config;
use crate::error::Error;
use crate::files;
use crate::instance::{self, Instance};
use crate::process::{Account, Layout};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::{CountryRefusal, CountryTor, LaneState};
use tornado_contracts::wg::TorExits;
use tornado_runtime::Tasks;
use tornado_shared::model::CountryCode;

/// Interval at which time-dependent steps are checked.
const CHECK: Duration = Duration::from_secs(1);
/// Pause before a country is retried after its Tor process could not be set up.
const RETRY: Duration = Duration::from_secs(5);

/// The exit countries of the service.
pub(crate) struct Countries {
    book: Mutex<Book>,
    changed: Notify,
}

struct Book {
    places: Places,
    running: BTreeMap<CountryCode, Arc<Instance>>,
}

impl Countries {
    pub(crate) fn new(config: &Config) -> Self {
        let places = Places::new(config.max_countries, Duration::from_secs(config.country_linger.into()));
        Self { book: Mutex::new(Book { places, running: BTreeMap::new() }), changed: Notify::new() }
    }

    /// Sets the countries that devices use now. Returns those that were refused.
    pub(crate) fn sync_countries(&self, countries: &BTreeSet<CountryCode>) -> BTreeMap<CountryCode, CountryRefusal> {
        let refused = self.book.lock().places.sync_countries(countries, Instant::now());
        self.changed.notify_one();
        refused
    }

    /// The running instances, one for each country.
    pub(crate) fn all(&self) -> Vec<(CountryCode, Arc<Instance>)> {
        self.book.lock().running.iter().map(|(country, instance)| (*country, instance.clone())).collect()
    }

    /// Returns true if the country has an instance, ready or not.
    pub(crate) fn has(&self, country: CountryCode) -> bool {
        self.book.lock().running.contains_key(&country)
    }

    /// The status of every country.
    pub(crate) fn countries(&self) -> Vec<CountryTor> {
        let all = self.all();
        let book = self.book.lock();
        let tor = |(country, instance): (CountryCode, Arc<Instance>)| {
            let status = instance.status();
            CountryTor {
                country,
                process: status.process,
                bootstrap: status.bootstrap,
                ready: status.lane.state == LaneState::Open,
                reason: status.lane.reason,
                in_use: book.places.is_in_use(country),
            }
        };
        all.into_iter().map(tor).collect()
    }

    /// The ports of the countries that are open.
    pub(crate) fn open(&self) -> TorExits {
        let open = self.all().into_iter().filter(|(_, instance)| instance.lane() == LaneState::Open);
        open.map(|(country, instance)| (country, instance.config().ports())).collect()
    }
}

/// Starts and stops instances until shutdown. All of them have ended when this returns.
pub(crate) async fn run(lane: Arc<Instance>, countries: Arc<Countries>, account: Account, shutdown: CancellationToken) {
    let mut ends = JoinSet::<(CountryCode, bool)>::new();
    let mut running = BTreeMap::<CountryCode, CancellationToken>::new();
    let mut changed = lane.changed();
    let mut retry_at = None;
    while !shutdown.is_cancelled() {
        changed.mark_unchanged();
        let desired = lane.desired();
        for (_, country) in countries.all() {
            if country.desired() != desired {
                country.set_desired(desired, false);
            }
        }
        let is_due = retry_at.is_none_or(|at| Instant::now() >= at);
        if is_due {
            retry_at = None;
        }
        let steps = if is_due { countries.book.lock().places.steps(Instant::now()) } else { Vec::new() };
        for step in steps {
            match step {
                Step::Start(country, slot) => match start(&lane, account, country, slot, &shutdown) {
                    Ok((instance, stop, end)) => {
                        tracing::info!(%country, "starting Tor for an exit country");
                        countries.book.lock().running.insert(country, instance);
                        running.insert(country, stop);
                        ends.spawn(async move { (country, end.await) });
                    }
                    Err(error) => {
                        tracing::warn!(%error, %country, "cannot start Tor for an exit country; retrying");
                        countries.book.lock().places.ended(country);
                        retry_at = Some(Instant::now() + RETRY);
                    }
                },
                Step::End(country) => {
                    tracing::info!(%country, "stopping Tor of an unused exit country");
                    running.get(&country).inspect(|stop| stop.cancel());
                }
            }
        }
        let is_busy = retry_at.is_some() || !running.is_empty() || !countries.book.lock().places.is_empty();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = countries.changed.notified() => {}
            _ = changed.changed() => {}
            Some(ended) = ends.join_next() => {
                // A panic here ends the whole service, as a panic in any other task does.
                let Ok((country, is_early)) = ended else { return };
                if is_early {
                    retry_at = Some(Instant::now() + RETRY);
                }
                running.remove(&country);
                let mut book = countries.book.lock();
                book.running.remove(&country);
                book.places.ended(country);
                drop(book);
                lane.notify();
            }
            () = tokio::time::sleep(CHECK), if is_busy => {}
        }
    }
    running.values().for_each(CancellationToken::cancel);
    while ends.join_next().await.is_some() {}
}

/// The instance, the token that stops it, and its end, which is true if the instance was not requested to stop.
type Started = (Arc<Instance>, CancellationToken, futures::future::BoxFuture<'static, bool>);

fn start(
    lane: &Instance,
    account: Account,
    country: CountryCode,
    slot: u8,
    shutdown: &CancellationToken,
) -> Result<Started, Error> {
    let all = lane.layout().exits();
    let layout = Layout::new(&all.join(country.as_str()));
    let create = |path: &std::path::Path| -> io::Result<()> {
        files::private_dir(path)?;
        account.give(path)
    };
    for directory in [all.as_path(), layout.dir()] {
        create(directory).map_err(|source| Error::File { path: directory.to_owned(), source })?;
    }
    let settings = Arc::new(lane.settings_of(country, slot));
    let instance = Arc::new(Instance::of_country(lane, country, settings, layout));
    let mut tasks = Tasks::new(shutdown);
    let stop = tasks.stop().clone();
    let tor_ended = instance::start(&instance, account, &mut tasks)?;
    let end = async move {
        // If one task ends early, the others are stopped, and the country is started again.
        let is_early = tasks.run().await.is_err();
        drop(tor_ended.await);
        is_early
    };
    Ok((instance, stop, Box::pin(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn exit_countries_are_checked_steadily_for_sixty_days() {
        let dir = tempfile::tempdir().unwrap();
        let countries = Arc::new(Countries::new(&Config::default()));
        let lane = Arc::new(Instance::new(
            Arc::default(),
            Layout::new(dir.path()),
            None,
            tornado_runtime::clock::Clock::new(|| 0),
        ));
        let account = Account::of(None).unwrap();
        tornado_endurance::sixty_days(3_600, run(lane, countries, account, CancellationToken::new())).await;
    }
}
